#!/bin/sh
# install.sh PYTHON ARGUMENT…: what `PYTHON -m pip install ARGUMENT…` does, by uv, in a fifth of the time; by pip where uv
# can't. uv reads none of pip's settings: the mirror and the folders that pip was told of are told to it.
set -eu

python=$1
shift

# what pip was told by its files or its environment, which comes last
told() {
  printf '%s\n' "$settings" | sed -n "s/^\(global\|install\|:env:\)\.$1='\(.*\)'\$/\2/p" | tail -n 1 | sed 's/\\n/ /g'
}

quickly() {
  uv=$(dirname "$python")/uv
  [ -x "$uv" ] || "$python" -m pip install -q uv || return 1
  settings=$("$python" -m pip config list) || return 1
  mirror=$(told index-url) more=$(told extra-index-url) folders=$(told find-links | tr ' ' ',')
  [ -z "$mirror" ] || export UV_DEFAULT_INDEX="$mirror"
  [ -z "$more" ] || export UV_INDEX="$more"
  [ -z "$folders" ] || export UV_FIND_LINKS="$folders"
  # of all places the newest that fits, as pip takes it
  UV_INDEX_STRATEGY=unsafe-best-match "$uv" pip install -q --compile-bytecode --python "$python" "$@"
}

quickly "$@" || {
  echo "  uv could not install that here; pip does"
  "$python" -m pip install -q "$@"
}
