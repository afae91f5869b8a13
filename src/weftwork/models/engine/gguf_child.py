"""The process that runs a GGUF model: ``python -m weftwork.models.engine.gguf_child --model FILE``.

It serves llama.cpp's HTTP API on a loopback port of its own choosing, behind the key in
``WEFT_ENGINE_KEY``, and prints
``{"url": …}`` as one JSON line. It lives as long as its standard input is open, so it dies with its parent.
"""

from __future__ import annotations

import argparse
import json
import os
import sys


def main() -> None:
    """Serves until standard input ends."""
    parser = argparse.ArgumentParser(prog="gguf_child", description="one GGUF model behind a loopback port")
    parser.add_argument("--model", required=True, help="path of the GGUF file")
    parser.add_argument("--alias", default="model")
    parser.add_argument("--context", type=int, default=2048, help="tokens of each of the parallel calls")
    parser.add_argument("--parallel", type=int, default=4, help="calls at once")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--embeddings", action="store_true", help="serve embeddings instead of text")
    parser.add_argument("--template", help="chat template that replaces the file's own")
    given = parser.parse_args()
    try:
        import xllamacpp
    except ImportError as error:
        sys.stdout.write(json.dumps({"error": f"xllamacpp is not installed: {error}"}) + "\n")
        sys.exit(3)
    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.model_alias = {given.alias}
    params.n_ctx = given.context * given.parallel
    params.n_parallel = given.parallel
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = given.threads
    params.cpuparams_batch.n_threads = given.threads
    params.n_threads_http = given.parallel + 1
    params.warmup = False
    params.ui = False
    params.verbosity = -1
    if given.embeddings:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    key = os.environ.get("WEFT_ENGINE_KEY")
    if key:
        params.api_keys = [key]
    if given.template:
        params.chat_template = given.template
    try:
        server = xllamacpp.Server(params)
    except Exception as error:
        sys.stdout.write(json.dumps({"error": str(error)[:300]}) + "\n")
        sys.stdout.flush()
        os._exit(4)
    sys.stdout.write(json.dumps({"url": server.listening_address}) + "\n")
    sys.stdout.flush()
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)  # the library has no clean close


if __name__ == "__main__":
    main()
