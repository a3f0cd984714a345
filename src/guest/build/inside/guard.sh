# Runs a program as process 1 of a PID namespace, so that all processes of the namespace end with this script.
#   guard.sh FOLDER PROGRAM [ARGUMENT]...
# stdin is a pipe that vdc-manage holds open. When it ends, vdc-manage was killed or gives up: the program is killed
# with all that it has started, and the folder is removed, which only this namespace may be allowed to do.
folder=$1
shift
umask 022
# What the program mounts lies below this mount, so that one call unmounts all of it. No other namespace sees any of it.
mount --bind "$folder" "$folder" || exit
exec 9<&0 </dev/null
"$@" 9<&- &
program=$!
{
  cat <&9 >/dev/null 2>&1
  : >"$folder/abandoned"
  kill -KILL "$program"
} >/dev/null 2>&1 &
wait "$program"
status=$?
kill -KILL -1 2>/dev/null
umount --lazy "$folder"
[ ! -e "$folder/abandoned" ] || rm -rf --one-file-system -- "$folder"
exit "$status"
