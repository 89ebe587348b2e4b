#!/bin/sh
# Runs @NAME@ and its bundled libraries on the distribution's Python. -I and -S: neither the
# environment nor packages installed beside it change what runs. Compiled files go to a cache,
# never below /usr.
set -u
lib=/usr/lib/@NAME@ cache=/var/cache/@NAME@
user=@USER@
if [ -n "$user" ] && [ "$(id -u)" -eq 0 ]; then
  # What root makes here the service could not write.
  exec /usr/sbin/runuser -u "$user" -- "$0" "$@"
fi
if [ "$(id -u)" -ne 0 ] && [ ! -w "$cache" ]; then
  cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/@NAME@
fi
for version in @PYTHONS@; do
  python=/usr/bin/python$version
  [ -x "$python" ] || continue
  exec "$python" -IS -X "pycache_prefix=$cache/pyc" -c \
    "import sys; sys.path.insert(0, '$lib'); from @ENTRY@ import main; sys.argv[0] = '@NAME@'; sys.exit(main())" "$@"
done
echo "@NAME@: /usr/bin has no Python of version @PYTHONS@; fix: install python3" >&2
exit 1
