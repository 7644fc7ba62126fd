#!/usr/bin/env python3
"""one_step.c in PyTorch, with torchvision's networks: usage: torch_one_step.py MODEL [IMAGES]"""
import resource
import sys
import time

import torch
import torchvision


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    begun = time.process_time()
    net = getattr(torchvision.models, sys.argv[1])()
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    made = time.process_time()
    images = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    loss = torch.nn.functional.cross_entropy(net(torch.randn(images, 3, 224, 224)), torch.zeros(images, dtype=torch.int64))
    loss.backward()
    sgd.step()
    print(f"{sys.argv[1]}: {sum(p.numel() for p in net.parameters())} parameters, loss {loss.item():.4f}, made in {made - begun:.2f} s, "
          f"step {time.process_time() - made:.2f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


main()
