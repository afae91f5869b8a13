"""Infrastructure: what a tenant asks for, who may offer it, and what runs.

``sdl``        deployment files: parsed, checked, hashed
``market``     orders, bids, leases, money by the block; ``tenant`` and ``provider`` are its two sides
``executor``   what runs a lease: a sandboxed process, podman, Kubernetes, Ray
``render``     scenes split into tiles, nodes that render them, checkers that render them again
``credit``     burn and mint; ``availability`` is who stood ready, ``panel`` validators as one voice
"""
