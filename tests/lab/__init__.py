"""A lab of container hosts: real engines, a real registry and hand-made images on one machine.

Each host has its own network namespace, mount namespace and cgroup root, so that hosts never meet
one another, and nothing they do reaches the machine itself. See README.md in this folder.
"""
