package mailtest

import (
	"fmt"
	"net/mail"
	"strings"
)

// maxCustomArgsBytes is SendGrid's limit for all custom arguments together.
const maxCustomArgsBytes = 10_000

// validate answers with SendGrid's own words, all errors at once.
func (r sendRequest) validate() []apiError {
	errs := r.validateFrom()
	errs = append(errs, r.validatePersonalizations()...)
	errs = append(errs, r.validateContent()...)
	size := 0
	for key, value := range r.CustomArgs {
		size += len(key) + len(value)
	}
	if size > maxCustomArgsBytes {
		errs = append(errs, fieldError("custom_args", "message.custom_args",
			"The custom arguments are too large. They may not exceed 10,000 bytes."))
	}
	return errs
}

func (r sendRequest) validateFrom() []apiError {
	switch {
	case r.From == nil || r.From.Email == "":
		return []apiError{fieldError("from.email", "message.from",
			"The from object must be provided for every email send. It is an object that requires the email parameter, but may also contain a name parameter.")}
	case !validAddress(r.From.Email):
		return []apiError{fieldError("from.email", "message.from", "The from email does not contain a valid address.")}
	}
	return nil
}

func (r sendRequest) validatePersonalizations() []apiError {
	if len(r.Personalizations) == 0 {
		return []apiError{fieldError("personalizations", "-Personalizations-Errors",
			"The personalizations field is required and must have at least one personalization.")}
	}
	var errs []apiError
	for i, p := range r.Personalizations {
		if len(p.To) == 0 {
			errs = append(errs, fieldError(fmt.Sprintf("personalizations.%d.to", i), "message.personalizations.to",
				"The to array is required for all personalization objects, and must have at least one email object with a valid email address."))
		}
		for j, to := range p.To {
			if !validAddress(to.Email) {
				errs = append(errs, fieldError(fmt.Sprintf("personalizations.%d.to.%d.email", i, j),
					"message.personalizations.to", "Does not contain a valid address."))
			}
		}
		subject := r.Subject
		if p.Subject != "" {
			subject = p.Subject
		}
		if subject == "" {
			errs = append(errs, fieldError("subject", "message.subject",
				"The subject is required. You can get around this requirement if you use a template with a subject defined or if every personalization has a subject defined."))
		} else if strings.ContainsAny(subject, "\r\n") {
			errs = append(errs, fieldError("subject", "message.subject", "The subject may not contain line breaks."))
		}
	}
	return errs
}

func (r sendRequest) validateContent() []apiError {
	if len(r.Content) == 0 {
		return []apiError{fieldError("content", "message.content",
			"Unless a valid template_id is provided, the content parameter is required. There must be at least one defined content block. We typically suggest both text/plain and text/html blocks are included, but only one block is required.")}
	}
	var errs []apiError
	for i, part := range r.Content {
		if part.Value == "" {
			errs = append(errs, fieldError(fmt.Sprintf("content.%d.value", i), "message.content.value",
				"The content value must be a string at least one character in length."))
		}
		if part.Type == "text/plain" && i > 0 {
			errs = append(errs, fieldError("content", "message.content.type",
				"If present, text/plain and text/html may only be provided once, and text/plain must be first, followed by text/html."))
		}
	}
	return errs
}

// validAddress takes a bare address with a dotted domain. SendGrid carries
// ASCII only: a domain in another script travels as Punycode.
func validAddress(address string) bool {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		return false
	}
	for _, r := range address {
		if r > '~' {
			return false
		}
	}
	_, domain, _ := strings.Cut(address, "@")
	return strings.Contains(domain, ".")
}
