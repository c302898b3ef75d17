package rest_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/tenant"
)

func texts[T ~string](known []T) []any {
	all := make([]any, len(known))
	for i, v := range known {
		all[i] = string(v)
	}
	return all
}

// TestEnumerationsInAnswersAreOpen in both documents, under names of their own, and
// those in requests are closed.
func TestEnumerationsInAnswersAreOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/openapi.json", "/openapi-3.0.json"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			raw, doc := string(fetch(t, b.server, path)), load(t, b.server, path)
			for name, want := range map[string][]any{
				"Kind": texts(tenant.Kinds()), "State": texts(tenant.States()), "Status": texts(tenant.Statuses()), "Step": texts(tenant.Steps()),
				"StepStatus": texts(tenant.StepStatuses()), "FailureClass": texts(tenant.FailureClasses()), "Dependency": texts(tenant.Dependencies()), "Resource": texts(tenant.Resources()), "RecordSource": texts(tenant.RecordSources()),
				"Action": {"retry", "skip", "rollback", "reprovision", "suspend", "resume", "archive", "undelete", "purge", "invite", "restore", "pause", "abort"},
			} {
				schema := doc.Components.Schemas[name].Value
				require.Equal(t, want, schema.Extensions["x-extensible-enum"], name)
				require.Empty(t, schema.Enum, name)
				require.True(t, schema.Type.Is("string"), name)
				require.Contains(t, schema.Description, "must accept one that it does not know", name)
				require.NotRegexp(t, "`: *(\n|$)", schema.Description, "each value of %s says what it means, or none does", name)
				require.Contains(t, raw, `"$ref":"#/components/schemas/`+name+`"`)
			}
			codes := doc.Components.Schemas["Code"].Value.Extensions["x-extensible-enum"]
			require.Contains(t, codes, string(rest.CodeNameTaken))
			require.Contains(t, codes, string(rest.CodeUnavailable))
			for _, q := range []struct {
				path, name string
				want       []any
			}{
				{"/v1/operations", "kind", texts(tenant.Kinds())},
				{"/v1/operations", "state", texts(tenant.States())},
				{"/v1/tenants", "status", texts(tenant.Statuses())},
			} {
				parameter := doc.Paths.Value(q.path).Get.Parameters.GetByInAndName("query", q.name)
				require.Equal(t, q.want, parameter.Schema.Value.Enum, q.name)
			}
		})
	}
}

// TestAnswersMayGrow in fields too; requests may not.
func TestAnswersMayGrow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/openapi.json", "/openapi-3.0.json"} {
		doc := load(t, b.server, path)
		for name, schema := range doc.Components.Schemas {
			request := slices.Contains([]string{"NewTenant", "AdministratorChange", "ActionBody", "RollbackBody", "Reason", "OptionalReason", "OptionalReasonAndName", "RestoreBody", "NewWindow", "WindowExtension", "WindowMove", "WindowTick", "NewIncident", "IncidentChange", "IncidentEnd"}, name)
			closed := schema.Value.AdditionalProperties.Has != nil && !*schema.Value.AdditionalProperties.Has
			require.Equal(t, request, closed, name)
			for field, property := range schema.Value.Properties {
				constant := field == "actionNeeded" || schema.Ref == "" && field == "status" && slices.Contains([]string{"Health", "Readiness"}, name)
				require.Equal(t, constant, len(property.Value.Enum) > 0, "%s.%s", name, field)
			}
		}
	}
}

// TestOurAnswersMustBeListed: the transport of the tests knows no openness.
func TestOurAnswersMustBeListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.get(t, "/v1/operations/"+b.create(t, "Charité")["id"].(string))
	for change, accepted := range map[string]bool{"": true, "kind": false, "surprise": false} {
		operation := a.json(t)
		if change != "" {
			operation[change] = "merge"
		}
		err := closedDocument(t, b.server).Components.Schemas["Operation"].Value.VisitJSON(operation, openapi3.EnableJSONSchema2020())
		require.Equal(t, accepted, err == nil, change)
		require.NoError(t, document(t, b.server).Components.Schemas["Operation"].Value.VisitJSON(operation, openapi3.EnableJSONSchema2020()), "a caller is told to accept it")
	}
}

// TestUnknownValuesInRequests are refused by naming the known ones.
func TestUnknownValuesInRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, known := range map[string][]any{
		"/v1/operations?kind=merge": texts(tenant.Kinds()), "/v1/operations?state=LOST": texts(tenant.States()), "/v1/tenants?status=GONE": texts(tenant.Statuses()),
	} {
		p := b.get(t, path).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		for _, value := range known {
			require.Contains(t, p.Errors[0].Message, value)
		}
	}
}

// TestNothingIsNullable in either document.
func TestNothingIsNullable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/openapi.json", "/openapi-3.0.json"} {
		require.Empty(t, regexp.MustCompile(`.{100}("null"|"nullable")`).FindAllString(string(fetch(t, b.server, path)), -1), path)
	}
}

// TestReferencesStandAlone in the 3.0 document, which ignores what is beside one.
func TestReferencesStandAlone(t *testing.T) {
	t.Parallel()
	var tree any
	require.NoError(t, json.Unmarshal(fetch(t, setup(t).server, "/openapi-3.0.json"), &tree))
	found := 0
	var look func(any)
	look = func(tree any) {
		switch node := tree.(type) {
		case map[string]any:
			if node["$ref"] != nil {
				found++
				require.Len(t, node, 1, "beside %s", node["$ref"])
			}
			for _, child := range node {
				look(child)
			}
		case []any:
			for _, child := range node {
				look(child)
			}
		}
	}
	look(tree)
	require.Greater(t, found, 100)
	kind := load(t, setup(t).server, "/openapi-3.0.json").Components.Schemas["Operation"].Value.Properties["kind"].Value
	require.Equal(t, "What it does.", kind.Description)
	require.Equal(t, "#/components/schemas/Kind", kind.AllOf[0].Ref)
}

// each calls for every operation of the document, with a path that leads nowhere.
func each(t *testing.T, doc *openapi3.T, see func(path, method string, op *openapi3.Operation)) {
	t.Helper()
	for pattern, item := range doc.Paths.Map() {
		path := regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(pattern, someID)
		for method, op := range item.Operations() {
			see(path, method, op)
		}
	}
}

func TestMethodsThatAreNotAllowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doc := document(t, b.server)
	each(t, doc, func(path, method string, op *openapi3.Operation) {
		where := method + " " + path
		response := op.Responses.Status(http.StatusMethodNotAllowed)
		require.NotNil(t, response, where)
		if strings.Contains(path, someID) {
			require.NotNil(t, op.Responses.Status(http.StatusNotFound), where)
		}
		a := b.send(t, "BREW", path, operator(t), "")
		require.Equal(t, http.StatusMethodNotAllowed, a.status, where)
		require.Contains(t, a.header.Get("Allow"), method, where)
		if strings.HasPrefix(path, "/invitations/") {
			return
		}
		a.problem(t, http.StatusMethodNotAllowed, rest.CodeMethodNotAllowed)
		require.NotNil(t, response.Value.Headers["Allow"], where)
		require.NoError(t, response.Value.Content["application/problem+json"].Schema.Value.VisitJSON(a.json(t), openapi3.EnableJSONSchema2020()), where)
	})
}

// TestParametersThatAreEmpty are refused wherever one is documented.
func TestParametersThatAreEmpty(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := map[string]bool{}
	each(t, document(t, b.server), func(path, method string, op *openapi3.Operation) {
		for _, p := range op.Parameters {
			if p.Value.In != "query" {
				continue
			}
			seen[p.Value.Name] = true
			for _, query := range []string{p.Value.Name + "=", p.Value.Name} {
				a := b.send(t, method, path+"?"+query, as(t, "admin"), `{"reason": "ticket 4711"}`)
				found := a.problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid).Errors[0]
				require.Equal(t, "query."+p.Value.Name, found.Location)
				require.Equal(t, "must not be empty: give a value, or leave it out", found.Message)
			}
		}
	})
	for _, name := range []string{"status", "name", "cursor", "limit", "state", "kind", "tenantId", "wait", "dryRun", "reason"} {
		require.Contains(t, seen, name)
	}
	p := b.get(t, "/v1/operations?state=&kind=&limit=5").problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	require.Len(t, p.Errors, 2)
	for _, path := range []string{"/readyz?t=", "/health?status=", "/livez?x", "/metrics?name=", "/openapi.json?v=", "/docs?v="} {
		require.Equal(t, http.StatusOK, b.send(t, http.MethodGet, path, nil, "").status, "%s: nobody reads it", path)
	}
}

// TestFieldsThatAreNull are refused wherever a body is documented, and change
// nothing.
func TestFieldsThatAreNull(t *testing.T) {
	t.Parallel()
	b := setup(t)
	checked := 0
	each(t, document(t, b.server), func(path, method string, op *openapi3.Operation) {
		if op.RequestBody == nil || op.RequestBody.Value.Content["application/json"] == nil {
			return
		}
		schema := op.RequestBody.Value.Content["application/json"].Schema.Value
		for field := range schema.Properties {
			p := b.send(t, method, path, as(t, "admin"), `{"`+field+`": null}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
			places := map[string]string{}
			for _, e := range p.Errors {
				places[e.Location] = e.Message
			}
			require.Contains(t, places, "body."+field, "%s %s", method, path)
			if !slices.Contains(schema.Required, field) {
				checked++
				require.Equal(t, "must not be null: give a value, or leave it out", places["body."+field])
			}
		}
	})
	require.Greater(t, checked, 10)
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(request("Charité")), &fields))
	fields["tier"], fields["region"] = nil, nil
	body, err := json.Marshal(fields)
	require.NoError(t, err)
	p := b.send(t, http.MethodPost, "/v1/tenants", operator(t), string(body)).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	require.Len(t, p.Errors, 2)
	require.Zero(t, b.count(t, "tenants"))
	path := "/v1/tenants/" + b.create(t, "Charité")["tenantId"].(string)
	b.send(t, http.MethodPatch, path, operator(t), `{"adminLastName": null, "adminFirstName": "Grace"}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	require.Equal(t, "Ada", b.get(t, path).json(t)["adminFirstName"])
}
