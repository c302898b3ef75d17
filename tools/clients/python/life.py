"""Takes one tenant through its life with the client that openapi-python-client generates."""

import sys
import uuid
from http import HTTPStatus
from typing import Any, TypeVar

import httpx

from tenants_api.api.operations import get_operation, list_operations, rollback_operation
from tenants_api.api.tenants import (
    archive_tenant,
    create_tenant,
    get_provisioning,
    get_tenant,
    list_tenants,
    resume_tenant,
    suspend_tenant,
    undelete_tenant,
)
from tenants_api.client import AuthenticatedClient
from tenants_api.models import (
    ListOperation,
    ListTenant,
    ListTenantsStatus,
    NewTenant,
    Operation,
    OptionalReason,
    Problem,
    Progress,
    Reason,
    Tenant,
)
from tenants_api.types import UNSET, Response, Unset

T = TypeVar("T")


def got(kind: type[T], response: Response[Any], status: int) -> T:
    """The body of an answer, which must be of this status and type."""
    body = response.parsed
    if response.status_code != status or not isinstance(body, kind):
        raise SystemExit(f"expected {status} {kind.__name__}, got {response.status_code}: {response.content!r}")
    return body


def check(said: object, wanted: object, what: str) -> None:
    if said != wanted:
        raise SystemExit(f"{what}: expected {wanted!r}, got {said!r}")


def follow(client: AuthenticatedClient, operation: Operation) -> Operation:
    """Waits for the end, which is told by finishedAt: a state may be unknown."""
    for _ in range(20):
        if not isinstance(operation.finished_at, Unset):
            check(operation.state, "SUCCEEDED", operation.kind)
            return operation
        operation = got(Operation, get_operation.sync_detailed(operation.id, client=client, wait="30s"), HTTPStatus.OK)
    raise SystemExit(f"{operation.kind} does not end: {operation}")


def live(client: AuthenticatedClient, name: str) -> Operation:
    new = NewTenant(name=name, admin_email="ada@hospital.example", admin_first_name="Ada", admin_last_name="Lovelace")
    key = str(uuid.uuid4())
    created = got(Operation, create_tenant.sync_detailed(client=client, body=new, idempotency_key=key), HTTPStatus.ACCEPTED)
    again = got(Operation, create_tenant.sync_detailed(client=client, body=new, idempotency_key=key), HTTPStatus.ACCEPTED)
    check(again.id, created.id, "the same Idempotency-Key")
    follow(client, created)
    of = created.tenant_id
    check(got(Tenant, get_tenant.sync_detailed(of, client=client), HTTPStatus.OK).status, "ACTIVE", "after provisioning")
    steps = got(Progress, get_provisioning.sync_detailed(of, client=client), HTTPStatus.OK).steps
    check({s.status for s in steps}, {"COMPLETED"}, "the steps")

    why = Reason(reason="ticket 4711")
    refused = got(Problem, resume_tenant.sync_detailed(of, client=client, body=OptionalReason()), HTTPStatus.CONFLICT)
    check((refused.code, refused.tenant_status), ("action-refused", "ACTIVE"), "resuming an ACTIVE tenant")
    check("suspend" in (refused.allowed_actions or []), True, "what is allowed")
    follow(client, got(Operation, suspend_tenant.sync_detailed(of, client=client, body=why, idempotency_key="s" + key), HTTPStatus.ACCEPTED))
    follow(client, got(Operation, resume_tenant.sync_detailed(of, client=client, body=OptionalReason()), HTTPStatus.ACCEPTED))
    gone = OptionalReason(reason="ticket 4712")
    follow(client, got(Operation, archive_tenant.sync_detailed(of, client=client, body=gone), HTTPStatus.ACCEPTED))
    archived = got(Tenant, get_tenant.sync_detailed(of, client=client), HTTPStatus.OK)
    check((archived.status, archived.archived_from), ("ARCHIVED", "ACTIVE"), "after archiving")
    return follow(client, got(Operation, undelete_tenant.sync_detailed(of, client=client), HTTPStatus.ACCEPTED))


def refusals(client: AuthenticatedClient, operation: Operation) -> None:
    plan = got(Problem, rollback_operation.sync_detailed(operation.id, client=client, dry_run=True), HTTPStatus.CONFLICT)
    check(plan.code, "action-refused", "the plan of a rollback of what has succeeded")
    nobody = got(Problem, get_tenant.sync_detailed(uuid.uuid4(), client=client), HTTPStatus.NOT_FOUND)
    check((nobody.code, nobody.status), ("not-found", 404), "an unknown tenant")


def pages(client: AuthenticatedClient, of: uuid.UUID) -> None:
    kinds: list[str] = []
    cursor: str | Unset = UNSET
    for _ in range(5):
        page = got(ListOperation, list_operations.sync_detailed(client=client, tenant_id=of, limit=1, cursor=cursor), HTTPStatus.OK)
        kinds += [o.kind for o in page.items]
        cursor = page.next_cursor
        if isinstance(cursor, Unset):
            break
    check(kinds, ["undelete", "archive", "resume", "suspend", "provision"], "the operations, a page each")
    living = got(ListTenant, list_tenants.sync_detailed(client=client, status=ListTenantsStatus.ACTIVE), HTTPStatus.OK)
    check(of in [t.id for t in living.items], True, "the tenant is listed")


def later(client: AuthenticatedClient, operation: Operation) -> None:
    """Reads the answers of a later version, with words that this client does not know."""
    o = got(Operation, get_operation.sync_detailed(operation.id, client=client), HTTPStatus.OK)
    check((o.kind, o.state, o.allowed_actions), ("LATER", "LATER", ["LATER"]), "an operation of a later version")
    tenant = got(Tenant, get_tenant.sync_detailed(operation.tenant_id, client=client), HTTPStatus.OK)
    check(tenant.status, "LATER", "a tenant of a later version")
    progress = got(Progress, get_provisioning.sync_detailed(operation.tenant_id, client=client), HTTPStatus.OK)
    check({(s.step, s.status) for s in progress.steps}, {("LATER", "LATER")}, "steps of a later version")
    nobody = got(Problem, get_tenant.sync_detailed(uuid.uuid4(), client=client), HTTPStatus.NOT_FOUND)
    check((nobody.code, nobody.status), ("LATER", 404), "a problem of a later version")


def main(name: str, url: str, later_url: str, token: str) -> None:
    client = AuthenticatedClient(base_url=url, token=token, timeout=httpx.Timeout(60))
    operation = live(client, name)
    refusals(client, operation)
    pages(client, operation.tenant_id)
    later(AuthenticatedClient(base_url=later_url, token=token), operation)


main(*sys.argv[1:])
