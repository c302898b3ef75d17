"""Deploys and calls the tenant contract with the official Python SDK.

usage: python deploy.py RPC_URL PASSPHRASE WASM_FILE; prints what it saw as JSON.
"""

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

from stellar_sdk import Address, Keypair, SorobanServer, TransactionBuilder, scval, xdr
from stellar_sdk.exceptions import PrepareTransactionException
from stellar_sdk.soroban_rpc import EventFilter, EventFilterType, GetTransactionStatus, SendTransactionStatus

url, passphrase, file = sys.argv[1:]
server = SorobanServer(url)
admin = Keypair.random()


def fund(account: str) -> None:
    urllib.request.urlopen(f"{url}/friendbot?addr={account}").close()


def builder(signer: Keypair) -> TransactionBuilder:
    account = server.load_account(signer.public_key)
    return TransactionBuilder(account, passphrase, base_fee=100).set_timeout(300)


def run(build: TransactionBuilder, signer: Keypair = admin) -> Any:
    tx = server.prepare_transaction(build.build())
    tx.sign(signer)
    sent = server.send_transaction(tx)
    if sent.status != SendTransactionStatus.PENDING:
        raise RuntimeError(f"{sent.status} {sent.error_result_xdr}")
    done = server.poll_transaction(sent.hash, max_attempts=2400, sleep_strategy=lambda _: 0.05)
    if done.status != GetTransactionStatus.SUCCESS:
        raise RuntimeError(done.status.value)
    return done


def returned(done: Any) -> xdr.SCVal:
    meta = xdr.TransactionMeta.from_xdr(done.result_meta_xdr)
    value: xdr.SCVal = (meta.v4 or meta.v3).soroban_meta.return_value
    return value


fund(admin.public_key)
health = server.get_health()
network = server.get_network()
wasm_hash = scval.from_bytes(returned(run(builder(admin).append_upload_contract_wasm_op(Path(file).read_bytes()))))
commitment = bytes([7] * 32)
created = run(
    builder(admin).append_create_contract_op(
        wasm_hash, admin.public_key, [scval.to_address(admin.public_key), scval.to_bytes(commitment)], salt=bytes([1] * 32)
    )
)
contract = scval.from_address(returned(created)).address


def read(name: str) -> Any:
    answer = server.simulate_transaction(builder(admin).append_invoke_contract_function_op(contract, name, []).build())
    if answer.error or not answer.results:
        raise RuntimeError(answer.error)
    return scval.to_native(answer.results[0].xdr)


def set_status(signer: Keypair, status: int) -> Any:
    return run(builder(signer).append_invoke_contract_function_op(contract, "set_status", [scval.to_uint32(status)]), signer)


before = read("status")
suspended = set_status(admin, 2)
after = read("status")

stranger = Keypair.random()
fund(stranger.public_key)
refused = ""
try:
    set_status(stranger, 1)
except (RuntimeError, PrepareTransactionException) as e:
    refused = str(e)

instance = server.get_contract_data(contract, xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_CONTRACT_INSTANCE))
events = server.get_events(suspended.ledger, filters=[EventFilter(event_type=EventFilterType.CONTRACT, contract_ids=[contract])])
ledger = server.get_ledgers(suspended.ledger, limit=1).ledgers[0]
header = xdr.LedgerHeaderHistoryEntry.from_xdr(ledger.header_xdr)
meta = xdr.LedgerCloseMeta.from_xdr(ledger.metadata_xdr)

print(
    json.dumps(
        {
            "health": health.status,
            "passphrase": network.passphrase,
            "id": contract,
            "wasmHash": wasm_hash.hex(),
            "before": before,
            "after": after,
            "commitment": read("commitment").hex(),
            "admin": read("admin").address == admin.public_key,
            "refused": refused,
            "instanceLedger": instance.last_modified_ledger if instance else 0,
            "suspendedLedger": suspended.ledger,
            "headerLedger": header.header.ledger_seq.uint32,
            "setSize": len(meta.v2.tx_set.v1_tx_set.phases),
            "events": [scval.to_native(e.topic[0]) for e in events.events],
        }
    )
)
