#!/usr/bin/env bash
# Starts TorchServe in the foreground with doodled's settings, or prints one line about what is missing.
#
# usage: start_torchserve.sh [--venv DIR] [--config FILE] [--model-store DIR] [--state DIR]
#
#   --venv DIR         virtual environment made from requirements.txt   (or $DOODLED_TORCHSERVE_VENV)
#   --config FILE      default: config.local.properties beside this     (or $DOODLED_TORCHSERVE_CONFIG)
#   --model-store DIR  the folder with the .mar archives                (or $DOODLED_MODEL_STORE, default: model-store beside this)
#   --state DIR        where key_file.json and logs/ are written        (or $DOODLED_TORCHSERVE_STATE, default: the current folder)
#
# Java is run directly, without TorchServe's launcher, which does not pass SIGTERM on, so that the server would outlive its service,
# and keeps a single process id file per machine, so that a second server would not start.
set -euo pipefail

here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
venv="${DOODLED_TORCHSERVE_VENV:-}"
config="${DOODLED_TORCHSERVE_CONFIG:-$here/config.local.properties}"
store="${DOODLED_MODEL_STORE:-$here/model-store}"
state="${DOODLED_TORCHSERVE_STATE:-$PWD}"

# 78 is EX_CONFIG: with RestartPreventExitStatus=78, systemd does not restart what a restart can't mend.
refuse() {
    printf 'start_torchserve: %s\n' "$1" >&2
    exit 78
}

while (($#)); do
    case "$1" in
    -h | --help)
        sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    --venv | --config | --model-store | --state)
        (($# > 1)) || refuse "$1 needs a value"
        case "$1" in
        --venv) venv="$2" ;;
        --config) config="$2" ;;
        --model-store) store="$2" ;;
        --state) state="$2" ;;
        esac
        shift 2
        ;;
    *) refuse "there is no option $1; see --help" ;;
    esac
done

[[ -n $venv ]] || refuse "no virtual environment given; use --venv DIR or DOODLED_TORCHSERVE_VENV (made from $here/requirements.txt)"
python="$venv/bin/python"
[[ -x $python ]] || refuse "$venv is no virtual environment: $python is missing"
[[ -r $config ]] || refuse "the settings $config can't be read"
[[ -d $store ]] || refuse "the model store $store is missing; put the .mar archives there"
compgen -G "$store/*.mar" >/dev/null || refuse "the model store $store holds no .mar archive"
if ! mkdir -p -- "$state" 2>/dev/null || [[ ! -w $state ]]; then
    refuse "the state folder $state can't be written"
fi

java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
command -v "$java" >/dev/null || refuse "Java is missing; install a Java 17 runtime (Debian: openjdk-17-jre-headless)"
version="$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)"
if [[ ! $version =~ ^[0-9]+$ ]] || ((version < 17)); then
    refuse "Java 17 or newer is needed, found ${version:-an unknown version}"
fi

home="$("$python" -c 'import pathlib, ts; print(pathlib.Path(ts.__file__).parent.parent)' 2>/dev/null)" ||
    refuse "torchserve is not installed in $venv; run: $venv/bin/pip install -r $here/requirements.txt"

config="$(realpath -- "$config")"
store="$(realpath -- "$store")"
python="$(realpath -s -- "$python")"
read -ra vmargs <<<"$(sed -n 's/^[[:space:]]*vmargs[[:space:]]*=[[:space:]]*//p' "$config")"

cd -- "$state"
# A key of an earlier start is invalid. Without the file, a client that reads it too early sees that there is no key yet.
rm -f -- key_file.json
PATH="$(dirname -- "$python"):$PATH"
export PATH
exec "$java" "${vmargs[@]}" "-Dmodel_server_home=$home" -cp "$home/ts/frontend/*" org.pytorch.serve.ModelServer \
    --python "$python" -f "$config" -s "$store" -ncs
