"""What PyTorch users have on CPUs, over gloo: an all-reduce of the gradients and a whole step on each rank (what DDP sends), or
an all-reduce and the optimizer that shards its state (ZeRO-1). gloo.py FORM RANK SIZE ADDRESS ELEMENTS ROUNDS
Prints the seconds of each round, of rank 0."""

import json
import os
import sys
import time

import torch
import torch.distributed as dist

form, rank, size, address, elements, rounds = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4], *map(int, sys.argv[5:7])
os.environ.update(MASTER_ADDR=address, MASTER_PORT="29400", GLOO_SOCKET_IFNAME="eth0")
torch.set_num_threads(1)
dist.init_process_group("gloo", rank=rank, world_size=size)

# One run of memory for the gradients, so that one call sends them all; ZeRO shards by whole parameters, so there are several.
parts = 16 if form == "zero" else 1
params = [torch.zeros(elements // parts, requires_grad=True) for _ in range(parts)]
grads = torch.full((elements,), 0.5)
for i, param in enumerate(params):
    param.grad = grads[i * (elements // parts) : (i + 1) * (elements // parts)]
options = {"lr": 1e-3, "momentum": 0.9}
if form == "zero":
    from torch.distributed.optim import ZeroRedundancyOptimizer

    optimizer = ZeroRedundancyOptimizer(params, optimizer_class=torch.optim.RMSprop, **options)
else:
    optimizer = torch.optim.RMSprop(params, foreach=True, **options)

times = []
for _ in range(rounds + 2):
    dist.barrier()
    before = time.perf_counter()
    dist.all_reduce(grads)
    grads.div_(size)
    optimizer.step()
    times.append(time.perf_counter() - before)
if rank == 0:
    print(json.dumps({"version": torch.__version__, "seconds": times[2:]}))
