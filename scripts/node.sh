# For scripts that run a program of npm's: sourced, not run, at the root of the repository. provide keeps the program in bin/, fetched
# once with npm, which is installed where it is missing and we may, and sets $run to a Node.js that is new enough.

node=22.23.3 # for machines whose own is too old, as Debian 12's is

fits() { # 20.19 or newer of 20, or 22.12 or newer
	"$1" -e 'const [a, b] = process.versions.node.split(".").map(Number)
		process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)' >/dev/null 2>&1
}

as_root=
if [ "$(id -u)" -ne 0 ]; then as_root='sudo -n'; fi
get() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" </dev/null; }

need_npm() { # what for
	command -v npm >/dev/null 2>&1 && return
	if ! command -v apt-get >/dev/null 2>&1 || ! $as_root true 2>/dev/null; then
		echo "No npm, which fetches $1. Install Node.js 22 or newer, or: apt-get install npm (Debian, Ubuntu; as root)" >&2
		exit 1
	fi
	echo "installing npm with apt-get, to fetch $1"
	get install npm || { get update && get install npm; }
}

fetch() { # what, folder, name@version...: into its own folder, without running anything of it
	need_npm "$1"
	echo "fetching $1 with npm, once"
	into=$2
	shift 2
	npm install --prefix "$into" --no-save --no-audit --no-fund --no-update-notifier --ignore-scripts --prefer-offline \
		--loglevel=error "$@" </dev/null
}

provide() { # what, folder, a file that is there once it is fetched, name@version...
	what=$1 home=$2 file=$3
	shift 3
	case "$(uname -s)-$(uname -m)" in
	Linux-x86_64) platform=linux-x64 ;;
	Linux-aarch64) platform=linux-arm64 ;;
	*) platform= ;;
	esac
	run=node
	own=$home/node_modules/node-$platform/bin/node
	packages=
	if ! fits node; then
		run=$own
		if ! fits "$own"; then
			if [ -z "$platform" ]; then
				echo 'Node.js is too old or missing, and there is no packaged one for this machine. Install Node.js 22 or newer.' >&2
				exit 1
			fi
			packages=node-$platform@$node
		fi
	fi
	[ -f "$home/$file" ] && [ -z "$packages" ] || {
		mkdir -p "$home"
		# All at once: npm removes from a folder what it was not asked for.
		fetch "$what" "$home" "$@" $packages
	}
	[ "$run" = node ] || chmod +x "$own"
}
