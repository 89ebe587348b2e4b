"""An image of one program that nobody approved: it makes the directory /proof/ran and ends with 7.

Written by hand, instruction for instruction, so that no compiler and no download is needed; a fresh
nonce in its layer makes it another image every time. Pure, no I/O.
"""

import hashlib
import io
import json
import struct
import tarfile

PROOF = "/proof"
RAN = "ran"
EXIT_CODE = 7
_PATH = f"{PROOF}/{RAN}\0".encode()
_BASE = 0x400000
_HEADERS = 64 + 56  # ELF header and one program header (elf(5))

# mkdir(path, 0777); exit(7). The path follows at once.
_CODE = {
    "amd64": bytes.fromhex(
        "b853000000"  # mov eax, 83 (mkdir)
        "488d3d15000000"  # lea rdi, [rip + 21]
        "beff010000"  # mov esi, 0777
        "0f05"  # syscall
        "b83c000000"  # mov eax, 60 (exit)
        "bf07000000"  # mov edi, 7
        "0f05"  # syscall
        "9090"
    ),
    "arm64": struct.pack(
        "<9I",
        0x92800C60,  # mov x0, #-100 (AT_FDCWD)
        0x10000101,  # adr x1, the path, 32 bytes from here
        0xD2803FE2,  # mov x2, 0777
        0xD2800448,  # mov x8, #34 (mkdirat)
        0xD4000001,  # svc #0
        0xD28000E0,  # mov x0, #7
        0xD2800BA8,  # mov x8, #93 (exit)
        0xD4000001,  # svc #0
        0xD503201F,  # nop
    ),
}
_MACHINES = {"amd64": 62, "arm64": 183}  # EM_X86_64, EM_AARCH64
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # by `platform.machine()`


def program(architecture: str) -> bytes:
    """A static ELF executable."""
    code = _CODE[architecture] + _PATH
    size = _HEADERS + len(code)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack(
        "<HHIQQQIHHHHHH",
        *(2, _MACHINES[architecture], 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + code


def archive(reference: str, architecture: str, nonce: bytes) -> bytes:
    """The image as `docker load` takes it (docker image save's layout)."""
    files = {"selftest": program(architecture), "nonce": nonce}
    layer = _tar(files, mode=0o755)
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/selftest"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}"]},
        }
    ).encode()
    name = f"{_sha256(config)}.json"
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": ["layer.tar"]}]
    whole = {name: config, "layer.tar": layer, "manifest.json": json.dumps(manifest).encode()}
    return _tar(whole, mode=0o644)


def _tar(files: dict[str, bytes], *, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
