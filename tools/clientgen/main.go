// Clientgen makes client/api.gen.go of client/openapi-3.0.json: oapi-codegen
// makes the models, and templates of our own the methods. Before that the
// document is prepared, so that the code is the Go that one would write by
// hand.
//
// It runs in the root of the repository: make client.
package main

import (
	"bytes"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
)

const (
	document  = "client/openapi-3.0.json"
	generated = "client/api.gen.go"
)

//go:embed templates/*.tmpl
var templates embed.FS

func main() {
	check := flag.Bool("check", false, "write nothing; fail when "+generated+" is not what would be written")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "clientgen:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	doc, err := openapi3.NewLoader().LoadFromFile(document)
	if err != nil {
		return fmt.Errorf("read the API's document: %w", err)
	}
	if err := prepare(doc); err != nil {
		return fmt.Errorf("prepare %s: %w", document, err)
	}
	code, err := generate(doc)
	if err != nil {
		return fmt.Errorf("generate %s: %w", generated, err)
	}
	if !check {
		return os.WriteFile(generated, code, 0o644) //nolint:gosec // source code is for everybody
	}
	is, err := os.ReadFile(generated)
	if err != nil {
		return err
	}
	if !bytes.Equal(is, code) {
		return errors.New(generated + " is not made of this " + document + ": run make client")
	}
	return nil
}

func generate(doc *openapi3.T) ([]byte, error) {
	c := codegen.Configuration{
		PackageName: "client",
		Generate:    codegen.GenerateOptions{Client: true, Models: true},
		OutputOptions: codegen.OutputOptions{
			NameNormalizer:                        string(codegen.NameNormalizerFunctionToCamelCaseWithInitialisms),
			PreferSkipOptionalPointer:             true,
			PreferSkipOptionalPointerWithOmitzero: true,
			SkipEnumValidate:                      true,
			TypeMapping: &codegen.TypeMapping{
				Integer: codegen.FormatMapping{Formats: map[string]codegen.SimpleTypeSpec{"int64": {Type: "int"}}},
				Number:  codegen.FormatMapping{Default: codegen.SimpleTypeSpec{Type: "float64"}},
				String:  codegen.FormatMapping{Formats: map[string]codegen.SimpleTypeSpec{"uuid": {Type: "string"}}},
			},
			UserTemplates: map[string]string{},
		},
	}
	files, err := fs.Glob(templates, "templates/*.tmpl")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		text, err := templates.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c.OutputOptions.UserTemplates[name[len("templates/"):]] = string(text)
	}
	maps.Copy(codegen.TemplateFunctions, functions)
	code, err := codegen.Generate(doc, c)
	return fieldName.ReplaceAll([]byte(code), []byte("$1$2")), err
}

// fieldName is what oapi-codegen puts before a sentence about a field.
var fieldName = regexp.MustCompile(`(?m)^(\t// )[A-Z]\w* ((?:[A-Z]|Example:).*)$`)
