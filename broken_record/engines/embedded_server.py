"""The embedded models' server process: llama.cpp's HTTP server from the wheel xllamacpp, on a free
loopback port.

Prints its address on stdout, then waits for the end of its stdin. The parent holds the other end of
that pipe and nobody else does, so the server ends however the parent ends, kill -9 included. Its
C++ code logs to stderr.

    python -m broken_record.engines.embedded_server MODEL.gguf ALIAS N_CTX SLOTS [PORT]
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Serve until stdin ends."""
    model, alias, n_ctx, slots, *port = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the parent, which then closes the pipe
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {alias}
    params.port = int(port[0]) if port else 0
    params.n_ctx = int(n_ctx) * int(slots)
    params.n_parallel = int(slots)
    params.cpuparams.n_threads = 1  # more spin on each other as soon as anything else runs
    params.cpuparams_batch.n_threads = 1
    params.cache_ram_mib = 0
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)
    try:
        sys.stdout.write(server.listening_address + "\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()
    finally:  # also where the parent went while this started; the server's own end waits for ever
        os._exit(0)


if __name__ == "__main__":
    main()
