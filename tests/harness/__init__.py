"""What the contract tests share: an EVM without blocks, accounts with keys, typed-data signatures."""
