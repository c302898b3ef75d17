// Package logging makes the one logger of a process, which main passes down:
// JSON on standard error, and in files of LOG_DIR where that is set.
//
// Three rules hold for every line, whoever writes it:
//
//   - It says what it is about: what [With] and [Note] have put into a context,
//     and the trace of that context, stand in each line that is logged with it.
//   - It shows no secret and nothing personal: texts, numbers, times and errors
//     are written, every other value only as the name of its type, unless that
//     type says by slog.LogValuer what may be shown. Mail addresses in texts are
//     taken out.
//   - It holds nobody up: standard error has it first, and the files are written
//     by a goroutine of their own, whatever has become of the disk.
package logging
