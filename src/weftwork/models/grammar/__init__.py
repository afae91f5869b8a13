"""The grammar of wallet requests in English: sentences, each with the intent that it means."""
