package rest

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tenant-provisioning/internal/tenant"
)

// noVersion is one that no tenant has, so that what asks for it changes nothing.
const noVersion = -1

// precondition is what If-Match asks for: any version, or one of several.
type precondition struct {
	any      bool
	versions []int64
}

// compressed is what a proxy that compresses puts behind a tag: Apache "-gzip", Jetty
// "--gzip", others ";gzip".
const compressed = `(?:(?:-{1,2}|[;:])(?:x-gzip|gzip|br|deflate|zstd))*`

// entityTag finds the tags in a list (RFC 9110, 8.8.3); a comma may be in one. The
// group is a version of ours, of which older tags had no hash behind it.
var entityTag = regexp.MustCompile(`^(?:W/)?"(?:(\d{1,18})(?:-[0-9a-f]{8})?` + compressed + `|[!#-~\x80-\xff]*)"$`)

// opaque is what of a tag names the answer.
var opaque = regexp.MustCompile(`^(?:W/)?"([!#-~\x80-\xff]*?)` + compressed + `"$`)

// possession is what a client has already, as If-None-Match says.
type possession struct {
	any  bool
	tags []string
}

// readIfNoneMatch reads all that a request says in If-None-Match. Tags are compared
// weakly (RFC 9110, 13.1.2): what a proxy has compressed is the same answer.
func readIfNoneMatch(h http.Header) possession {
	values := h.Values("If-None-Match")
	if len(values) == 1 && strings.TrimSpace(values[0]) == "*" {
		return possession{any: true}
	}
	var k possession
	for _, tag := range splitTags(strings.Join(values, ",")) {
		if found := opaque.FindStringSubmatch(tag); found != nil {
			k.tags = append(k.tags, found[1])
		}
	}
	return k
}

// has tells whether the client has the answer of this tag.
func (k possession) has(tag string) bool {
	return k.any || slices.Contains(k.tags, strings.Trim(tag, `"`))
}

// readIfMatch reads all that a request says in If-Match. A weak tag counts like
// the strong one that a proxy has made it of: it names the version of the
// tenant, which compression does not change. Tags of others in a list match
// nothing.
func readIfMatch(ctx huma.Context) precondition {
	var values []string
	ctx.EachHeader(func(name, value string) {
		if strings.EqualFold(name, "If-Match") {
			values = append(values, value)
		}
	})
	if len(values) == 0 || len(values) == 1 && strings.TrimSpace(values[0]) == "*" {
		return precondition{any: true}
	}
	var p precondition
	for _, tag := range splitTags(strings.Join(values, ",")) {
		found := entityTag.FindStringSubmatch(tag)
		if found == nil || found[1] == "" {
			continue
		}
		if version, err := strconv.ParseInt(found[1], 10, 64); err == nil && version > 0 {
			p.versions = append(p.versions, version)
		}
	}
	return p
}

// splitTags splits a list at the commas that are not within a tag.
func splitTags(list string) []string {
	within := false
	tags := strings.FieldsFunc(list, func(r rune) bool {
		if r == '"' {
			within = !within
		}
		return r == ',' && !within
	})
	for i := range tags {
		tags[i] = strings.TrimSpace(tags[i])
	}
	return tags
}

// impossible tells a condition that no tenant meets.
func (p precondition) impossible() bool { return !p.any && len(p.versions) == 0 }

// version is the one that a change must find: 0 is any. Of several it is the
// present one, if it is among them; the change itself checks that it still is.
func (p precondition) version(ctx context.Context, id tenant.ID, read func(context.Context, tenant.ID) (tenant.Tenant, error)) (int64, error) {
	switch {
	case p.any:
		return 0, nil
	case len(p.versions) == 1:
		return p.versions[0], nil
	}
	t, err := read(ctx, id)
	if err != nil {
		return 0, err
	}
	if slices.Contains(p.versions, t.Version) {
		return t.Version, nil
	}
	return noVersion, nil
}

// etag is the version, to which the answer's hash is added before it is sent.
func etag(t tenant.Tenant) string { return `"` + strconv.FormatInt(t.Version, 10) + `"` }
