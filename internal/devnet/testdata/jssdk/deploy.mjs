// Deploys and calls the tenant contract with the official JavaScript SDK.
// usage: node deploy.mjs RPC_URL PASSPHRASE WASM_FILE; prints what it saw as JSON.
import { readFile } from "node:fs/promises";
import {
  Address, BASE_FEE, Contract, Keypair, Operation, TransactionBuilder, nativeToScVal, rpc, scValToNative, xdr,
} from "@stellar/stellar-sdk";

const [url, passphrase, file] = process.argv.slice(2);
const server = new rpc.Server(url, { allowHttp: true });
const admin = Keypair.random();

async function build(operation, signer) {
  const account = await server.getAccount(signer.publicKey());
  const tx = new TransactionBuilder(account, { fee: BASE_FEE, networkPassphrase: passphrase })
    .addOperation(operation).setTimeout(300).build();
  return server.prepareTransaction(tx);
}

async function run(operation, signer = admin) {
  const tx = await build(operation, signer);
  tx.sign(signer);
  const sent = await server.sendTransaction(tx);
  if (sent.status !== "PENDING") throw new Error(`${sent.status} ${JSON.stringify(sent.errorResult)}`);
  const done = await server.pollTransaction(sent.hash, { attempts: 2400, sleepStrategy: () => 50 });
  if (done.status !== "SUCCESS") throw new Error(done.status);
  return done;
}

await server.requestAirdrop(admin.publicKey());
const health = await server.getHealth();
const network = await server.getNetwork();

const uploaded = await run(Operation.uploadContractWasm({ wasm: await readFile(file) }));
const wasmHash = uploaded.returnValue.bytes();
const commitment = Buffer.alloc(32, 7);
const created = await run(Operation.createCustomContract({
  address: Address.fromString(admin.publicKey()), wasmHash, salt: Buffer.alloc(32, 1),
  constructorArgs: [Address.fromString(admin.publicKey()).toScVal(), xdr.ScVal.scvBytes(commitment)],
}));
const id = Address.fromScVal(created.returnValue).toString();
const contract = new Contract(id);

async function read(name) {
  const account = await server.getAccount(admin.publicKey());
  const tx = new TransactionBuilder(account, { fee: BASE_FEE, networkPassphrase: passphrase })
    .addOperation(contract.call(name)).setTimeout(300).build();
  const s = await server.simulateTransaction(tx);
  if (!rpc.Api.isSimulationSuccess(s)) throw new Error(s.error);
  return scValToNative(s.result.retval);
}

const before = await read("status");
const suspended = await run(contract.call("set_status", nativeToScVal(2, { type: "u32" })));
const after = await read("status");

const stranger = Keypair.random();
await server.requestAirdrop(stranger.publicKey());
let refused = "";
try {
  await run(contract.call("set_status", nativeToScVal(1, { type: "u32" })), stranger);
} catch (e) {
  refused = e.message;
}

const instance = await server.getContractData(id, xdr.ScVal.scvLedgerKeyContractInstance());
const events = await server.getEvents({
  startLedger: suspended.ledger, filters: [{ type: "contract", contractIds: [id] }],
});

const { ledgers } = await server.getLedgers({ startLedger: suspended.ledger, pagination: { limit: 1 } });

console.log(JSON.stringify({
  health: health.status, passphrase: network.passphrase, id, wasmHash: wasmHash.toString("hex"),
  before, after, commitment: Buffer.from(await read("commitment")).toString("hex"), admin: await read("admin") === admin.publicKey(),
  refused, instanceLedger: instance.lastModifiedLedgerSeq,
  suspendedLedger: suspended.ledger, headerLedger: ledgers[0].headerXdr.header().ledgerSeq(),
  setSize: ledgers[0].metadataXdr.v2().txSet().v1TxSet().phases().length,
  events: events.events.map((e) => scValToNative(e.topic[0])),
}));
