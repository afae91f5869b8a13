// A client that knows nothing of Weftwork: viem deploys, writes, reads, watches a log and catches a revert.
// usage: node viem.mjs URL PRIVATE_KEY ARTIFACT.json
import { readFileSync } from 'node:fs'
import {
  BaseError, ContractFunctionRevertedError, createPublicClient, createWalletClient, defineChain, http, parseEther,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

const [url, key, file] = process.argv.slice(2)
const { abi, bytecode } = JSON.parse(readFileSync(file, 'utf8'))
const chain = defineChain({
  id: 31337, name: 'weft', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [url] } },
})
const account = privateKeyToAccount(key)
const other = '0x4242424242424242424242424242424242424242'
const transport = http(url, { batch: true })
const reader = createPublicClient({ chain, transport, pollingInterval: 50, cacheTime: 0 })
const writer = createWalletClient({ account, chain, transport })
const result = { chainId: await reader.getChainId() }

const deployed = await reader.waitForTransactionReceipt({
  hash: await writer.deployContract({ abi, bytecode, args: [parseEther('1000')] }),
})
const address = deployed.contractAddress
result.address = address

const watched = new Promise((resolve, reject) => {
  const stop = reader.watchContractEvent({
    address, abi, eventName: 'Moved', poll: true,
    onLogs: (logs) => { stop(); resolve(logs[0].args.amount.toString()) }, onError: reject,
  })
})
const { request } = await reader.simulateContract({
  account, address, abi, functionName: 'move', args: [other, 42n],
})
const written = await reader.waitForTransactionReceipt({ hash: await writer.writeContract(request) })
result.status = written.status
result.balance = (await reader.readContract({ address, abi, functionName: 'balances', args: [other] })).toString()
const holding = await reader.readContract({ address, abi, functionName: 'holding', args: [other] })
result.holding = { owner: holding.owner, amount: holding.amount.toString() }
result.watched = await watched
const events = await reader.getContractEvents({
  address, abi, eventName: 'Moved', args: { to: [other, account.address] }, fromBlock: 0n, toBlock: 'latest',
})
result.events = events.map((event) => event.args.amount.toString())

try {
  await reader.simulateContract({ account, address, abi, functionName: 'move', args: [other, parseEther('9999')] })
} catch (error) {
  const refused = error instanceof BaseError && error.walk((e) => e instanceof ContractFunctionRevertedError)
  result.reason = refused ? refused.reason : String(error)
}
const block = await reader.getBlock({ includeTransactions: true })
result.block = { linked: block.parentHash === (await reader.getBlock({ blockNumber: block.number - 1n })).hash,
  transactions: block.transactions.length }
const fees = await reader.estimateFeesPerGas()
result.fees = fees.maxFeePerGas > 0n
const sent = await reader.waitForTransactionReceipt({ hash: await writer.sendTransaction({ to: other, value: 5n }) })
result.sent = sent.gasUsed.toString()
result.received = (await reader.getBalance({ address: other })).toString()
console.log(JSON.stringify(result))
process.exit(0)
