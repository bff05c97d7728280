# shellcheck shell=bash
# Runs pytest several times side by side, for most tests wait for something. Sourced by tests/run and tests/e2e/run.
#   begin NAME ARGUMENTS...   starts pytest in the background
#   show ARGUMENTS...         runs pytest here and now, and prints as it goes
#   finish NAME               waits for what `begin` started, and prints all of it
#   worst                     is the highest status so far; that no test was selected counts only if none was anywhere

printed=$(mktemp -d)
declare -A began
worst=5

stop() {
  for name in "${!began[@]}"; do
    kill "${began[$name]}" 2>/dev/null && wait "${began[$name]}"
  done
  rm -rf "$printed"
}
trap stop EXIT
trap 'exit 130' INT TERM

count_in() { # STATUS
  if [ "$1" = 5 ]; then return; fi
  if [ "$worst" = 5 ] || [ "$1" -gt "$worst" ]; then worst=$1; fi
}

begin() {
  .venv/bin/pytest "${@:2}" >"$printed/$1" 2>&1 &
  began[$1]=$!
}

show() {
  .venv/bin/pytest "$@"
  count_in $?
}

finish() {
  wait "${began[$1]}"
  count_in $?
  unset "began[$1]"
  cat "$printed/$1"
}
