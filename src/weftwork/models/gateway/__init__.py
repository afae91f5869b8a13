"""The gateway: the OpenAI API in front of a network of miners, each answer receipted and paid by voucher."""
