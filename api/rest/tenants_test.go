package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tenant-provisioning/api/rest"
	"tenant-provisioning/internal/tenant"
)

func TestCreateAnswersAtOnceWithWhatToFollow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.send(t, http.MethodPost, "/v1/tenants", operator(t), request("  St. Mary's Hospital "))
	require.Equal(t, http.StatusAccepted, a.status, string(a.body))
	o := a.json(t)
	require.Equal(t, "/v1/operations/"+o["id"].(string), a.header.Get("Location"))
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "provision", o["kind"])
	require.Equal(t, "PENDING", o["state"])
	require.Equal(t, []any{"rollback"}, o["allowedActions"])
	for _, absent := range []string{"failedStep", "failureClass", "failureReason", "attentionDeadline", "startedAt", "finishedAt", "$schema"} {
		require.NotContains(t, o, absent)
	}

	followed := b.get(t, a.header.Get("Location"))
	require.Equal(t, o, followed.json(t))
	require.Equal(t, "1", followed.header.Get("Retry-After"))

	got := b.get(t, "/v1/tenants/"+o["tenantId"].(string))
	require.Equal(t, http.StatusOK, got.status)
	require.Regexp(t, `^"1-[0-9a-f]{8}"$`, got.header.Get("ETag"))
	made := got.json(t)
	require.Equal(t, "St. Mary's Hospital", made["name"])
	require.Equal(t, "st_mary_s_hospital", made["slug"])
	require.Equal(t, "t_st_mary_s_hospital_"+o["tenantId"].(string)[28:], made["schemaName"])
	require.Equal(t, made["schemaName"], made["roleName"])
	require.Equal(t, "PENDING", made["status"])
	require.Equal(t, "standard", made["tier"])
	require.Equal(t, "default", made["region"])
	require.Equal(t, "ada@hospital.example", made["adminEmail"])
	require.NotContains(t, made, "contractId")
	require.NotContains(t, made, "activatedAt")
}

func TestNamesOfEveryKindAreAccepted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{
		`Robert'); DROP TABLE tenants; --`, `"quoted"; \backslash`, "Praxis 🏥🩺", "مستشفى الملك فيصل", "בית חולים שיבא", "東京大学医学部附属病院",
		"select from where", "NULL", "<script>alert(1)</script>", "a%b_c\\d", strings.Repeat("ö", 100), "  " + strings.Repeat("x", 100) + "  ", "{}[]:,",
	} {
		o := b.create(t, name)
		got := b.get(t, "/v1/tenants/"+o["tenantId"].(string)).json(t)
		require.Equal(t, strings.TrimSpace(name), got["name"])
		found := b.get(t, "/v1/tenants?name="+url.QueryEscape(strings.TrimSpace(name))).json(t)
		require.Len(t, found["items"], 1, "%q is found by its name, taken literally", name)
	}
}

// TestANameThatLooksTheSameIsTaken, and is found by any of its spellings.
func TestANameThatLooksTheSameIsTaken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Saint\u00a0Mary")
	for _, same := range []string{"Saint Mary", "saint  mary", "Saint\u200b Mary", "Ｓａｉｎｔ　Ｍａｒｙ"} {
		p := b.send(t, http.MethodPost, "/v1/tenants", operator(t), request(same)).problem(t, http.StatusConflict, rest.CodeNameTaken)
		require.Equal(t, "Another tenant has this name, or one that looks the same.", p.Detail)
		found := b.get(t, "/v1/tenants?name="+url.QueryEscape(same)).json(t)["items"].([]any)
		require.Len(t, found, 1)
		require.Equal(t, o["tenantId"], found[0].(map[string]any)["id"])
		require.Equal(t, "Saint\u00a0Mary", found[0].(map[string]any)["name"], "as it was typed")
	}
}

func TestOneNameManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	header := operator(t)
	answers := make([]answer, 20)
	var all sync.WaitGroup
	for i := range answers {
		// Another spelling of the same name, by case and by spaces.
		name := []string{"Charité", "CHARITÉ", " charité "}[i%3]
		all.Go(func() { answers[i] = b.send(t, http.MethodPost, "/v1/tenants", header, request(name)) })
	}
	all.Wait()
	accepted := 0
	for _, a := range answers {
		if a.status == http.StatusAccepted {
			accepted++
			continue
		}
		a.problem(t, http.StatusConflict, rest.CodeNameTaken)
	}
	require.Equal(t, 1, accepted)
	require.Equal(t, 1, b.count(t, "tenants"))
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	header := with(operator(t), "Idempotency-Key", "8e03978e-40d5-43e8-bc93-6894a57f9324")
	answers := make([]answer, 50)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = b.send(t, http.MethodPost, "/v1/tenants", header, request("Charité")) })
	}
	all.Wait()
	first := answers[0].json(t)["id"]
	for _, a := range answers {
		require.Equal(t, http.StatusAccepted, a.status, string(a.body))
		require.Equal(t, first, a.json(t)["id"])
	}
	require.Equal(t, 1, b.count(t, "tenants"))
	require.Equal(t, 1, b.count(t, "operations"))

	b.send(t, http.MethodPost, "/v1/tenants", header, request("Another")).
		problem(t, http.StatusUnprocessableEntity, rest.CodeIdempotencyMismatch)

	for name, key := range map[string]string{"too long": strings.Repeat("k", 256), "not ASCII": "schlüssel", "a tab": "a\tb"} {
		p := b.send(t, http.MethodPost, "/v1/tenants", with(operator(t), "Idempotency-Key", key), request("Third")).
			problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
		require.Equal(t, "header.Idempotency-Key", p.Errors[0].Location, name)
	}
	require.Equal(t, http.StatusAccepted,
		b.send(t, http.MethodPost, "/v1/tenants", with(operator(t), "Idempotency-Key", strings.Repeat("k", 255)), request("Third")).status)
}

func TestListingsPageThroughEverything(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const tenants = 7
	for i := range tenants {
		b.create(t, fmt.Sprintf("Hospital %d", i))
	}
	b.exec(t, `UPDATE tenants SET status = 'ACTIVE' WHERE name IN ('Hospital 2', 'Hospital 5')`)
	for _, path := range []string{"/v1/tenants", "/v1/operations"} {
		seen := map[any]bool{}
		cursor, pages := "", 0
		for {
			page := b.get(t, path+"?limit=3"+cursor).json(t)
			pages++
			for _, item := range page["items"].([]any) {
				id := item.(map[string]any)["id"]
				require.False(t, seen[id], "an item comes once")
				seen[id] = true
			}
			next, more := page["nextCursor"].(string)
			if !more {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(next)
		}
		require.Len(t, seen, tenants, path)
		require.Equal(t, 3, pages)
	}
	active := b.get(t, "/v1/tenants?status=ACTIVE").json(t)["items"].([]any)
	require.Len(t, active, 2)
	require.Equal(t, "Hospital 5", active[0].(map[string]any)["name"], "the newest first")
	require.Empty(t, b.get(t, "/v1/tenants?status=SUSPENDED").json(t)["items"])
	require.Len(t, b.get(t, "/v1/tenants?name=HOSPITAL%204").json(t)["items"], 1)

	one := active[0].(map[string]any)["id"].(string)
	require.Len(t, b.get(t, "/v1/operations?state=PENDING&kind=provision&tenantId="+one).json(t)["items"], 1)
	require.Empty(t, b.get(t, "/v1/operations?state=NEEDS_ATTENTION").json(t)["items"])
}

func TestChangeAdministrator(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/v1/tenants/" + b.create(t, "Charité")["tenantId"].(string)
	change := func(ifMatch, body string) answer {
		header := operator(t)
		if ifMatch != "" {
			header.Set("If-Match", ifMatch)
		}
		return b.send(t, http.MethodPatch, path, header, body)
	}
	a := change(`"1"`, `{"adminEmail": " grace@hospital.example "}`)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "grace@hospital.example", a.json(t)["adminEmail"])
	require.Equal(t, "Ada", a.json(t)["adminFirstName"], "what is not given stays")
	require.Regexp(t, `^"2-[0-9a-f]{8}"$`, a.header.Get("ETag"))

	for _, stale := range []string{`"1"`, `"0"`, `"-2"`, `W/"1"`, `"1-gzip"`, `2`, `"2`, `"x"`, `"2-xyz"`, `"22"`, `"1", "3"`, `"x, \"2"`, ` `, `""`, `"1", *`} {
		change(stale, `{"adminLastName": "Hopper"}`).problem(t, http.StatusPreconditionFailed, rest.CodeVersionMismatch)
	}
	require.Equal(t, http.StatusOK, change(`*`, `{"adminLastName": "Hopper"}`).status)
	require.Equal(t, http.StatusOK, change(``, `{"adminFirstName": "Grace"}`).status)
	got := b.get(t, path)
	require.Regexp(t, `^"4-[0-9a-f]{8}"$`, got.header.Get("ETag"))
	require.Equal(t, "Hopper", got.json(t)["adminLastName"])

	p := change("", `{}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	require.Equal(t, "body", p.Errors[0].Location)
	p = change("", `{"adminEmail": "Bob <a@b.c>", "adminLastName": "\u0007"}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	require.Len(t, p.Errors, 2)
	change("", `{"name": "Another"}`).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
	unknown, err := tenant.NewID()
	require.NoError(t, err)
	b.send(t, http.MethodPatch, "/v1/tenants/"+string(unknown), operator(t), `{"adminLastName": "Hopper"}`).
		problem(t, http.StatusNotFound, rest.CodeNotFound)
}

// TestEveryChangeIsAudited: what was made with the names of the fields and not
// their values, and what was refused, whoever refused it.
func TestEveryChangeIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.create(t, "Charité")["tenantId"].(string)
	path := "/v1/tenants/" + id
	change := func(header http.Header, ifMatch, body string) int {
		if ifMatch != "" {
			header.Set("If-Match", ifMatch)
		}
		return b.send(t, http.MethodPatch, path, header, body).status
	}
	require.Equal(t, http.StatusForbidden, change(viewer(t), "", `{"adminEmail": "eve@evil.example"}`))
	require.Equal(t, http.StatusPreconditionFailed, change(operator(t), `"x"`, `{"adminEmail": "grace@hospital.example"}`))
	require.Equal(t, http.StatusPreconditionFailed, change(operator(t), `"99"`, `{"adminEmail": "grace@hospital.example"}`))
	require.Equal(t, http.StatusOK, change(operator(t), `"1"`, `{"adminEmail": "grace@hospital.example", "adminFirstName": "Ada", "adminLastName": "Hopper"}`))
	require.Equal(t, http.StatusOK, change(operator(t), "", `{"adminLastName": "Hopper"}`))
	rows, err := b.pool.Query(t.Context(), `SELECT outcome || ': ' || detail FROM audit_log WHERE tenant_id = $1 AND action = 'change-administrator' ORDER BY id`, id)
	require.NoError(t, err)
	audited, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{
		"refused: needs the role operator or admin",
		"refused: If-Match names no version that there could be",
		"refused: the resource was changed meanwhile",
		"accepted: changed adminEmail, adminLastName",
		"accepted: nothing changed",
	}, audited)
	unknown, err := tenant.NewID()
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, b.send(t, http.MethodPatch, "/v1/tenants/"+string(unknown), viewer(t), `{"adminLastName": "Hopper"}`).status)
	require.Zero(t, b.count(t, `audit_log WHERE tenant_id = '`+string(unknown)+`'`))
}

// TestAnAddressThatCannotBeMailedIsRefused where it comes in, with the character
// that nobody sees; what is taken can be sent.
func TestAnAddressThatCannotBeMailedIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/v1/tenants/" + b.create(t, "Charité")["tenantId"].(string)
	for address, words := range map[string]string{
		`ada\u200b@hospital.example`:    "U+200B",
		`ada@hos\u202epital.example`:    "U+202E",
		`ada@hospital\u00a0.example`:    "U+00A0",
		`\ufeffada@hospital.example`:    "U+FEFF",
		`ädä@hospital.example`:          "before the @",
		`ada@hospital_7.example`:        "domain",
		`\"ada lovelace\"@hospital.org`: "plain e-mail address",
	} {
		for method, target := range map[string]string{http.MethodPost: "/v1/tenants", http.MethodPatch: path} {
			body := `{"adminEmail": "` + address + `"}`
			if method == http.MethodPost {
				body = `{"name": "Another", "adminFirstName": "Ada", "adminLastName": "Lovelace", "adminEmail": "` + address + `"}`
			}
			p := b.send(t, method, target, operator(t), body).problem(t, http.StatusUnprocessableEntity, rest.CodeInvalid)
			require.Equal(t, "body.adminEmail", p.Errors[0].Location, address)
			require.Contains(t, p.Errors[0].Message, words)
		}
	}
	for _, address := range []string{"ada@ab--cd.example", "ada@krankenhäuser.example", "ada@xn--ls8h.example"} {
		a := b.send(t, http.MethodPatch, path, operator(t), `{"adminEmail": "`+address+`"}`)
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		require.Equal(t, address, a.json(t)["adminEmail"], "as it was typed")
	}
}

func TestProvisioningTellsEveryStep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.create(t, "Charité")
	b.exec(t, `INSERT INTO provisioning_logs (tenant_id, operation_id, step, status, attempt, duration_ms, error_class, error)
		VALUES ($1, $2, 'CREATE_SCHEMA', 'FAILED', 1, 12.5, 'capacity', 'the disk is full'), ($1, $2, 'CREATE_SCHEMA', 'COMPLETED', 2, 7.25, NULL, NULL),
		($1, $2, 'CREATE_SCHEMA', 'FAILED', 3, 99, NULL, 'it came late')`,
		o["tenantId"], o["id"])
	p := b.get(t, "/v1/tenants/"+o["tenantId"].(string)+"/provisioning").json(t)
	require.Equal(t, o["tenantId"], p["tenantId"])
	require.Equal(t, "PENDING", p["status"])
	require.Equal(t, o["id"], p["operation"].(map[string]any)["id"])
	steps := p["steps"].([]any)
	require.Len(t, steps, len(tenant.KindProvision.Steps()))
	require.Equal(t, map[string]any{"step": "CREATE_SCHEMA", "status": "COMPLETED", "attempts": 2.0, "durationMs": 7.25}, steps[1])
	require.Equal(t, map[string]any{"step": "SEND_WELCOME_EMAIL", "attempts": 0.0, "durationMs": 0.0}, steps[7])
	logs := p["logs"].([]any)
	require.Len(t, logs, 4)
	require.Equal(t, "the disk is full", logs[1].(map[string]any)["error"])
	require.Equal(t, "capacity", logs[1].(map[string]any)["errorClass"])
}

func TestUnknownResources(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const id = "01920e6a-7c1e-7b53-9b57-2f4d9b0a0f11"
	for _, path := range []string{"/v1/tenants/" + id, "/v1/tenants/" + id + "/provisioning", "/v1/operations/" + id, "/v1/operations/" + id + "?wait=10s"} {
		b.get(t, path).problem(t, http.StatusNotFound, rest.CodeNotFound)
	}
	for _, action := range tenant.Actions() {
		b.send(t, http.MethodPost, "/v1/operations/"+id+"/"+string(action), operator(t), `{"reason": "why"}`).
			problem(t, http.StatusNotFound, rest.CodeNotFound)
	}
}
