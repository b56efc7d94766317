"""llama.cpp's HTTP server out of the xllamacpp wheel: MODEL PORT SLOTS CONTEXT_PER_SLOT [THREADS=2]."""

import sys
import threading

import xllamacpp


def main(model, port, slots, context, threads=2):
    params = xllamacpp.CommonParams()
    params.model.path = model
    alias = "gemma-3-270m"
    params.model_alias = {alias} if isinstance(params.model_alias, set) else alias
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = slots * context
    params.cpuparams.n_threads = threads
    params.n_threads_http = 4
    # gemma's sliding window would forget the prefix that a later request shares.
    params.swa_full = True
    params.warmup = True
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.endpoint_props = True
    server = xllamacpp.Server(params)
    print("listening on", server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:6]))
