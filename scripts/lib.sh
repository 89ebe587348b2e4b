# Sourced by the scripts: checks, and preparing the machine. Every complaint is one clear sentence
# and its fix. Nothing here starts a service.

say() { printf '%s\n' "dockwarden: $*"; }

fail() { # SENTENCE FIX
  printf 'dockwarden: %s\n  fix: %s\n' "$1" "$2" >&2
  exit 1
}

need_root() {
  [ "$(id -u)" -eq 0 ] ||
    fail "This needs root, because it makes namespaces and control groups." "sudo $0"
}

need_debian() {
  local kind
  kind=$(sed -n 's/^ID\(_LIKE\)\?=//p' /etc/os-release 2>/dev/null | tr -d '"' | tr '\n' ' ')
  case " $kind " in
    *" debian "*) ;;
    *) fail "This is neither Debian nor Ubuntu, whose packages are needed." \
      "Run it on Debian 12 or later, or Ubuntu 24.04 or later; a virtual machine will do." ;;
  esac
  command -v apt-get >/dev/null || fail "apt-get is missing." "Use a Debian or Ubuntu that has apt."
}

need_cgroup() {
  local mount
  mount=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
  [ -n "$mount" ] || fail "No cgroup2 hierarchy is mounted." \
    "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified"
  if ! mkdir "$mount/dockwarden-check.$$" 2>/dev/null; then
    fail "The control groups at $mount cannot be written." \
      "Run it on a machine of its own, or in a container with --privileged --cgroupns=host."
  fi
  rmdir "$mount/dockwarden-check.$$"
}

# Prints the first python3 on the PATH that is new enough.
find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  return 1
}

need_python() {
  find_python >/dev/null || fail "No python3 of version 3.11 or later is on the PATH." \
    "apt-get install python3 on Debian 12 or Ubuntu 24.04, or add a newer python3 to the PATH."
}

# Prints the packages that the lab needs and the machine lacks, one a line.
missing_lab_packages() {
  local python
  python=$(find_python || true)
  [ -n "$python" ] || echo python3
  "${python:-false}" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  command -v ip >/dev/null || echo iproute2
  command -v nsenter >/dev/null || echo util-linux
  command -v iptables >/dev/null || echo iptables
  command -v modprobe >/dev/null || echo kmod
  [ -x /usr/sbin/nft ] || echo nftables
  /usr/bin/python3 -c "import nftables" 2>/dev/null || echo python3-nftables
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
  # Elsewhere than on Debian the apt sources name no Debian mirror; debootstrap knows one.
  grep -qx 'ID=debian' /etc/os-release || [ -x /usr/sbin/debootstrap ] || echo debootstrap
}

# The same for all tests: a compiler for the probe, PostgreSQL and a browser for the collector.
missing_test_packages() {
  missing_lab_packages
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo postgresql
  command -v chromium >/dev/null || echo chromium
  command -v chromedriver >/dev/null || echo chromium-driver
  command -v gcc >/dev/null || echo gcc
  [ -e /usr/include/stdlib.h ] || echo libc6-dev
}

# Runs a command while a policy keeps packages from starting services; one already there is kept.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  "$@"
)

install_packages() { # PACKAGES
  local packages=("$@")
  [ "${#packages[@]}" -gt 0 ] || return 0
  say "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq -o APT::Update::Error-Mode=any || fail "The package mirror cannot be reached." \
    "Check the network, the proxy in /etc/apt/apt.conf.d and the sources in /etc/apt."
  without_services apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null ||
    fail "apt-get could not install ${packages[*]}." \
      "Read its message above; dpkg --configure -a may help."
}

# Makes .venv with this project and the packages of a lock file, by their hashes; does nothing when
# it was made from the same files, or when it has the tests' packages, which are all there are.
# pip is told to be quiet about places where it finds nothing (-qq); it still says what failed.
prepare_venv() { # LOCK
  local python lock=requirements/$1.txt known purelib
  python=$(find_python)
  made_from() { "$python" -V; sha256sum "$1"; }
  for known in "$lock" requirements/test.txt; do
    [ "$(cat .venv/prepared 2>/dev/null)" != "$(made_from "$known")" ] || return 0
  done
  say "making .venv with $("$python" -V), once; its packages come from the Python package index"
  "$python" -m venv --clear .venv ||
    fail "$python cannot make a virtual environment." "apt-get install python3-venv"
  .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r "$lock" ||
    fail "pip could not install the project's dependencies." \
      "Check the network to the Python package index; pip's own message is above."
  # The project itself is only linked: nothing is built, so nothing is fetched.
  purelib=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  printf '%s\n' "$PWD" >"$purelib/dockwarden.pth"
  made_from "$lock" >.venv/prepared
}

# Fetches engines once; one that cannot run here is named, and its tests will say so too.
fetch_engines() {
  .venv/bin/python -m tests.lab.engines fetch "$@" ||
    say "an engine is missing; the tests that need it will fail and say why"
}

# Takes promtool out of Debian's package prometheus, which is not installed: its service would run
# from the next boot on.
fetch_promtool() {
  local folder
  command -v promtool >/dev/null && return 0
  [ -x .venv/bin/promtool ] && return 0
  folder=$(mktemp -d)
  if (cd "$folder" && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb unpacked) \
    >/dev/null 2>&1; then
    install -m 755 "$folder/unpacked/usr/bin/promtool" .venv/bin/promtool
  else
    say "promtool cannot be had; the tests that need it are skipped (apt-get download prometheus)"
  fi
  rm -rf "$folder"
}

# Brings a bare machine to where the lab can run.
prepare_machine() { # PACKAGES
  need_root
  need_debian
  need_cgroup
  install_packages "$@"
  need_python
}

prepare_demo() {
  local packages
  mapfile -t packages < <(missing_lab_packages)
  prepare_machine "${packages[@]}"
  prepare_venv registrar
}

prepare_tests() {
  local packages
  mapfile -t packages < <(missing_test_packages)
  prepare_machine "${packages[@]}"
  prepare_venv test
  fetch_promtool
}
