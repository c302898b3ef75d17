package config

// Environment is how much the installation matters. It decides which values
// are refused as too weak, and nothing else.
type Environment string

// The environments.
const (
	// Development accepts every well-formed value. It is the default, as it was
	// for the application that this one replaces.
	Development Environment = "development"
	// Test is what a test suite sets; the same as Development.
	Test Environment = "test"
	// Staging is the same as Development.
	Staging Environment = "staging"
	// Production refuses weak secrets, the demo's secrets, missing payload keys
	// and a local network.
	Production Environment = "production"
)

func (r *reader) environment() Environment {
	return read(r, setting{name: "NODE_ENV", aliases: []string{"APP_ENV"}, def: string(Development)},
		oneOf(Development, Test, Staging, Production))
}
