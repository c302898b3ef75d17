// Takes one tenant through its life with the types of openapi-typescript and the
// client openapi-fetch.
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Operation = components["schemas"]["Operation"];
type Problem = components["schemas"]["Problem"];
type Answer<T> = { data?: T; error?: Problem; response: Response };

function fail(text: string): never {
  throw new Error(text);
}

function check(said: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(said) !== JSON.stringify(wanted)) {
    fail(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(said)}`);
  }
}

async function got<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked;
  return data ?? fail(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
}

async function refused(asked: Promise<Answer<unknown>>, status: number): Promise<Problem> {
  const { error, response } = await asked;
  check(response.status, status, response.url);
  return error ?? fail(`${response.url}: no problem in the answer`);
}

const [name = fail("name?"), url = fail("url?"), laterURL = fail("later url?"), token = fail("token?")] = process.argv.slice(2);
const clientOf = (baseUrl: string) => createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const api = clientOf(url);

// follow waits for the end, which is told by finishedAt: a state may be unknown.
async function follow(operation: Operation): Promise<Operation> {
  for (let i = 0; i < 20; i++) {
    if (operation.finishedAt !== undefined) {
      check(operation.state, "SUCCEEDED", operation.kind);
      return operation;
    }
    operation = await got(api.GET("/v1/operations/{id}", { params: { path: { id: operation.id }, query: { wait: "30s" } } }));
  }
  fail(`${operation.kind} does not end: ${JSON.stringify(operation)}`);
}

async function live(): Promise<Operation> {
  const key = randomUUID();
  const create = () =>
    api.POST("/v1/tenants", {
      params: { header: { "Idempotency-Key": key } },
      body: { name, adminEmail: "ada@hospital.example", adminFirstName: "Ada", adminLastName: "Lovelace" },
    });
  const created = await got(create());
  check((await got(create())).id, created.id, "the same Idempotency-Key");
  await follow(created);
  const params = { path: { id: created.tenantId } };
  check((await got(api.GET("/v1/tenants/{id}", { params }))).status, "ACTIVE", "after provisioning");
  const { steps } = await got(api.GET("/v1/tenants/{id}/provisioning", { params }));
  check([...new Set(steps.map((s) => s.status))], ["COMPLETED"], "the steps");

  const no = await refused(api.POST("/v1/tenants/{id}/resume", { params, body: {} }), 409);
  check([no.code, no.tenantStatus, no.allowedActions?.includes("suspend")], ["action-refused", "ACTIVE", true], "resuming an ACTIVE tenant");
  const suspend = { path: { id: created.tenantId }, header: { "Idempotency-Key": "s" + key } };
  await follow(await got(api.POST("/v1/tenants/{id}/suspend", { params: suspend, body: { reason: "ticket 4711" } })));
  await follow(await got(api.POST("/v1/tenants/{id}/resume", { params, body: {} })));
  await follow(await got(api.DELETE("/v1/tenants/{id}", { params, body: { reason: "ticket 4712" } })));
  const archived = await got(api.GET("/v1/tenants/{id}", { params }));
  check([archived.status, archived.archivedFrom], ["ARCHIVED", "ACTIVE"], "after archiving");
  return follow(await got(api.POST("/v1/tenants/{id}/undelete", { params })));
}

async function refusals(operation: Operation): Promise<void> {
  const plan = { path: { id: operation.id }, query: { dryRun: true } };
  const no = await refused(api.POST("/v1/operations/{id}/rollback", { params: plan }), 409);
  check(no.code, "action-refused", "the plan of a rollback of what has succeeded");
  const nobody = await refused(api.GET("/v1/tenants/{id}", { params: { path: { id: randomUUID() } } }), 404);
  check([nobody.code, nobody.status], ["not-found", 404], "an unknown tenant");
}

async function pages(tenantId: string): Promise<void> {
  const kinds: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { tenantId, limit: 1, ...(cursor === undefined ? {} : { cursor }) };
    const page = await got(api.GET("/v1/operations", { params: { query } }));
    kinds.push(...page.items.map((o) => o.kind));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  check(kinds, ["undelete", "archive", "resume", "suspend", "provision"], "the operations, a page each");
  const living = await got(api.GET("/v1/tenants", { params: { query: { status: "ACTIVE" } } }));
  check(living.items.some((t) => t.id === tenantId), true, "the tenant is listed");
}

// later reads the answers of a later version. That it compiles is half of the check:
// a closed enumeration could not be compared with a word that it does not have.
async function later(operation: Operation): Promise<void> {
  const api = clientOf(laterURL);
  const o = await got(api.GET("/v1/operations/{id}", { params: { path: { id: operation.id } } }));
  check([o.kind === "LATER", o.state === "LATER", o.allowedActions], [true, true, ["LATER"]], "an operation of a later version");
  const params = { path: { id: operation.tenantId } };
  check((await got(api.GET("/v1/tenants/{id}", { params }))).status, "LATER", "a tenant of a later version");
  const { steps } = await got(api.GET("/v1/tenants/{id}/provisioning", { params }));
  check(steps.every((s) => s.step === "LATER" && s.status === "LATER"), true, "steps of a later version");
  const nobody = await refused(api.GET("/v1/tenants/{id}", { params: { path: { id: randomUUID() } } }), 404);
  check([nobody.code === "LATER", nobody.status], [true, 404], "a problem of a later version");
}

const last = await live();
await refusals(last);
await pages(last.tenantId);
await later(last);
