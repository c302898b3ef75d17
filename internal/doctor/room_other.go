//go:build !linux && !darwin

package doctor

import "errors"

func roomAt(string) (room, error) { return room{}, errors.ErrUnsupported }
