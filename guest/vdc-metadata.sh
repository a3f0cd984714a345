#!/bin/sh
# Sets up an instance from the metadata server of its cloud, at boot: host name, SSH keys, and user-data
# once per instance; the size of the root filesystem at every boot.
# Log: the console and /var/log/vdc-metadata.log. State: /var/lib/vdc-metadata.
#
# Settings, in the environment:
#   VDC_METADATA_URL    the metadata server, default http://169.254.169.254
#   VDC_METADATA_TRIES  how often it is asked if it does not answer, default 10
#   VDC_METADATA_PAUSE  seconds between tries, default 3

# Works with any POSIX shell, also of 2008. Answers of the server and contents of home folders are untrusted.
set -u
umask 022
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY

server=${VDC_METADATA_URL:-http://169.254.169.254}
tries=${VDC_METADATA_TRIES:-10}
pause=${VDC_METADATA_PAUSE:-3}
state=/var/lib/vdc-metadata
log_file=/var/log/vdc-metadata.log
token_header=X-aws-ec2-metadata-token
id_path=latest/meta-data/instance-id

has() { command -v "$1" >/dev/null 2>&1; }

log() {
  printf '%s %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$*" >>"$log_file"
  # /dev/console is the last of the active consoles, and may be ttyS0 itself.
  case $(cat /sys/class/tty/console/active 2>/dev/null) in
    *ttyS0) consoles=/dev/console ;;
    *) consoles='/dev/console /dev/ttyS0' ;;
  esac
  for console in $consoles; do
    [ ! -w "$console" ] || { printf 'vdc-metadata: %s\n' "$*" >>"$console"; } 2>/dev/null
  done
}

find_client() {
  limit=
  if has curl; then
    client=curl
  elif has wget; then
    case $(wget --help 2>&1) in
      *BusyBox*) client=busybox wget=wget ;;
      *) client=wget ;;
    esac
  elif has busybox; then
    client=busybox wget='busybox wget'
  elif has bash; then
    client=bash
  else
    return 1
  fi
  # wget -T of BusyBox 1.35 crashes. Before 1.30, its timeout takes the seconds with -t.
  if timeout 10 true; then limit='timeout 10'; elif timeout -t 10 true; then limit='timeout -t 10'; fi
} 2>/dev/null

# bash -c "$bash_request" NAME METHOD URL [HEADER]. With HTTP/1.0 the body is sent in one piece.
# shellcheck disable=SC2016 # another shell expands it
bash_request='
  address=${2#http://}
  path=/${address#*/} address=${address%%/*}
  case $address in *:*) port=${address##*:} ;; *) port=80 ;; esac
  exec 3<>"/dev/tcp/${address%:*}/$port" || exit
  printf "%s\r\n" "$1 $path HTTP/1.0" "Host: $address" "${3:-Accept: */*}" "" >&3
  read -r _ status <&3 || { echo "no answer" >&2; exit 1; }
  while read -r header <&3 && [ "${header%?}" ]; do
    case $header in [Cc]ontent-[Ll]ength:*) length=${header//[!0-9]/} ;; esac
  done
  case $status in 2*) ;; *) echo "error: ${status%?}" >&2; exit 1 ;; esac
  cat <&3 >"$answer"
  [ "$(wc -c <"$answer")" -eq "${length:-$(wc -c <"$answer")}" ] || { echo "the answer is not whole" >&2; exit 1; }
  cat "$answer"'

# Prints what the server answers to one request for a path.
request() {
  token=$(cat "$state/token" 2>/dev/null)
  set -- "$server/$1"
  case $client in
    curl)
      [ -z "$token" ] || set -- -H "$token_header: $token" "$@"
      curl -sSf --max-time 10 "$@"
      ;;
    wget)
      [ -z "$token" ] || set -- "--header=$token_header: $token" "$@"
      wget -nv -T 10 -t 1 -O - "$@"
      ;;
    bash)
      [ -z "$token" ] || set -- "$@" "$token_header: $token"
      # shellcheck disable=SC2086 # words of a command
      answer=$state/answer $limit bash -c "$bash_request" bash GET "$@"
      ;;
    *)
      # shellcheck disable=SC2086 # words of commands
      $limit $wget -q -O - "$@"
      ;;
  esac
}

# Gets a token as Amazon's IMDSv2 wants it. BusyBox cannot send a PUT request.
request_token() {
  case $client in
    curl) curl -sSf --max-time 10 -X PUT -H "$token_header-ttl-seconds: 600" "$server/latest/api/token" ;;
    wget) wget -nv -T 10 -t 1 -O - --method=PUT --header="$token_header-ttl-seconds: 600" "$server/latest/api/token" ;;
    bash)
      # shellcheck disable=SC2086 # words of a command
      answer=$state/answer $limit bash -c "$bash_request" bash PUT "$server/latest/api/token" "$token_header-ttl-seconds: 600"
      ;;
    *) return 1 ;;
  esac >"$state/token" || : >"$state/token"
  [ -s "$state/token" ]
}

# failed_with PATTERN: tells whether the last request failed with an HTTP status. GNU wget has words for 401.
failed_with() { grep -Eq "(error:|ERROR|HTTP/1[.][01]) $1" "$state/error"; }

# Prints the value at a path. Fails without a message if the server has none.
get() {
  # Only the first request waits for a server that starts.
  most=3
  [ "$1" != $id_path ] || most=$tries
  try=1
  until request "$1" >"$state/body" 2>"$state/error"; do
    if failed_with '401|Authentication Failed' && [ ! -e "$state/token" ] && request_token 2>/dev/null; then continue; fi
    if failed_with 404 && [ "$1" != $id_path ]; then return 1; fi
    if [ "$try" -ge "$most" ]; then
      log "$server/$1 cannot be read: $(tail -n 1 "$state/error" | one_line)"
      : >"$state/failed"
      return 1
    fi
    try=$((try + 1))
    sleep "$pause"
  done
  cat "$state/body"
}

# Removes control characters, which could be escape codes for the console.
one_line() { tr '\011\012' '  ' | tr -d '\001-\037\177'; }

# Writes standard input to a file if that changes it. Mode, owner and SELinux label stay.
update() {
  cat >"$state/new"
  cmp -s "$state/new" "$1" || cat "$state/new" >"$1"
}

# set_line FILE PATTERN LINE: replaces the first line that matches, deletes the others that do, or adds the line.
set_line() {
  [ -e "$1" ] || : >"$1"
  awk -v pattern="$2" -v line="$3" '
    $0 !~ pattern { print; next }
    !done { print line; done = 1 }
    END { if (!done) print line }' "$1" | update "$1"
}

is_host_name() {
  case $1 in
    '' | [!A-Za-z0-9]* | *[!A-Za-z0-9.-]* | *..* | *[!A-Za-z0-9]) return 1 ;;
  esac
  [ ${#1} -le 64 ]
}

set_host_name() {
  name=$(get latest/meta-data/local-hostname) || name=$(get latest/meta-data/hostname) || return 0
  if ! is_host_name "$name"; then
    log 'the host name from the metadata server is not valid'
    return
  fi
  # CentOS up to 6 reads only the first of these, later releases only the second.
  if [ -e /etc/sysconfig/network ]; then set_line /etc/sysconfig/network '^HOSTNAME=' "HOSTNAME=$name"; fi
  if [ -e /etc/hostname ] || [ -d /run/systemd/system ] || [ ! -e /etc/sysconfig/network ]; then
    printf '%s\n' "$name" | update /etc/hostname
  fi
  short=${name%%.*}
  [ "$short" = "$name" ] || short="$name $short"
  set_line /etc/hosts '^127[.]0[.]1[.]1[ \t]' "127.0.1.1 $short"
  hostname "$name"
  log "host name: $name"
}

# Prints the keys: public-keys is a key in Wakame-vdc 11.06, and a list such as 0=NAME in 16.1 and on Amazon EC2.
public_keys() {
  list=$(get latest/meta-data/public-keys) || list=$(get latest/meta-data/public-keys/) || return 0
  printf '%s\n' "$list" | while read -r entry; do
    case $entry in
      [0-9]*=*)
        number=${entry%%=*}
        case $number in *[!0-9]*) continue ;; esac
        get "latest/meta-data/public-keys/$number/openssh-key" && echo
        ;;
      *) printf '%s\n' "$entry" ;;
    esac
  done | tr '\011' ' ' | tr -d '\001-\011\013-\037\177' | grep -E '^(ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ +[A-Za-z0-9+/]+=*( |$)'
}

# Prints name:home of the ordinary user with the lowest ID; fails if there is none.
first_user() {
  least=$(awk '$1 == "UID_MIN" { print $2; exit }' /etc/login.defs)
  case $least in '' | *[!0-9]*) least=1000 ;; esac
  awk -F : -v least="$least" '
    $3 ~ /^[0-9]+$/ && $3 + 0 >= least + 0 && $3 < 60000 && $7 !~ /(nologin|false)$/ && $1 ~ /^[A-Za-z_][A-Za-z0-9._-]*$/ {
      print $3 ":" $1 ":" $6
    }' /etc/passwd | sort -n | while IFS=: read -r _ user home; do
    [ -d "$home" ] && printf '%s:%s\n' "$user" "$home" && break
  done | grep .
}

# Adds the keys on standard input. The user runs it, so a link that the user made leads nowhere else.
# shellcheck disable=SC2016 # another shell expands it
add_keys='
  umask 077
  cd && mkdir -p .ssh && chmod 700 .ssh && cd .ssh && touch authorized_keys && chmod 600 authorized_keys || exit
  [ -z "$(tail -c 1 authorized_keys)" ] || echo >>authorized_keys
  while read -r type key comment; do
    grep -v "^ *#" authorized_keys | grep -qF -- "$type $key" ||
      printf "%s\n" "$type $key${comment:+ $comment}" >>authorized_keys || exit
  done'

set_keys() {
  keys=$(public_keys)
  if [ -z "$keys" ]; then
    log 'no SSH keys'
    return
  fi
  if account=$(first_user); then
    user=${account%%:*} home=${account#*:}
    printf '%s\n' "$keys" | su -s /bin/sh -c "$add_keys" "$user"
  else
    user=root home=/root
    printf '%s\n' "$keys" | HOME=/root sh -c "$add_keys"
  fi || {
    log "the SSH keys of $user cannot be written"
    return
  }
  if has restorecon; then restorecon -R "$home/.ssh"; fi
  log "SSH keys of $user: $(printf '%s\n' "$keys" | grep -c .)"
}

grow_root() {
  has growpart || return 0
  device=$(awk '$2 == "/" { device = $1 } END { print device }' /proc/mounts)
  type=$(awk '$2 == "/" { type = $3 } END { print type }' /proc/mounts)
  part=$(readlink -f "/sys/class/block/${device##*/}")
  # A logical volume, for example, is no partition.
  [ -e "$part/partition" ] || return 0
  disk=${part%/*}
  growpart "/dev/${disk##*/}" "$(cat "$part/partition")"
  case $type in
    ext[234]) resize2fs "$device" ;;
    xfs) xfs_growfs / ;;
    btrfs) btrfs filesystem resize max / ;;
  esac
}

# Keeps the user-data. Wakame-vdc 11.06 has it below meta-data.
keep_user_data() {
  (umask 077 && : >"$state/user-data")
  get latest/user-data >"$state/user-data" || get latest/meta-data/user-data >"$state/user-data"
}

run_user_data() {
  [ -s "$state/user-data" ] || return 0
  if [ "$(head -c 2 "$state/user-data")" != '#!' ]; then
    log 'the user-data is not a script'
    return
  fi
  log 'running the user-data'
  chmod 700 "$state/user-data"
  (cd / && umask 022 && "$state/user-data")
  log "the user-data ended with exit code $?"
}

mkdir -p "$state" && chmod 700 "$state" || exit
(umask 077 && : >>"$log_file")
exec </dev/null >>"$log_file" 2>&1
rm -f "$state/token" "$state/failed"
trap 'rm -f "$state/token" "$state/body" "$state/answer" "$state/error" "$state/new"' 0

if ! find_client; then
  log 'curl, wget, busybox and bash are missing, so there is no metadata'
  exit 1
fi
grow_root
instance=$(get $id_path) || exit
case $instance in
  '' | *[!A-Za-z0-9._-]*)
    log 'the instance ID from the metadata server is not valid'
    exit 1
    ;;
esac
if [ "$(cat "$state/instance-id" 2>/dev/null)" = "$instance" ]; then
  log "instance $instance is set up"
  exit
fi
log "setting up instance $instance"
set_host_name
set_keys
keep_user_data
if [ -e "$state/failed" ]; then
  log 'the next boot will try again'
  exit 1
fi
# Before the user-data, which may restart the instance, and must not run twice.
printf '%s\n' "$instance" >"$state/instance-id"
run_user_data
