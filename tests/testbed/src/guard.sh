# Ends everything that its owner has started when the owner ends, for any cause.
#
# The owner has the other end of standard input, which the kernel closes when the owner ends. Until then
# the owner sends the leader of each process group that it starts in a line; every line is answered, so
# that no program starts before it is known here.
#
# $1: the owner's folder, deleted at the end.

trap '' HUP INT QUIT TERM PIPE

leaders=
while read -r verb leader; do
    case $verb in
    add) leaders="$leaders $leader" ;;
    drop)
        kept=
        for other in $leaders; do
            [ "$other" = "$leader" ] || kept="$kept $other"
        done
        leaders=$kept
        ;;
    esac
    echo noted
done

# PostgreSQL's children lead their own process groups. A stopped parent starts no more of them.
for leader in $leaders; do
    kill -STOP "$leader"
    grep -l "^PPid:[[:space:]]*$leader\$" /proc/[0-9]*/status | while read -r status; do
        process=${status#/proc/}
        kill -KILL "${process%/status}"
    done
    kill -KILL "-$leader"
done

# PostgreSQL stores the id of its shared memory segment in a file, and cannot release it when killed.
for lock in "$1"/postgres-*/data/postmaster.pid; do
    [ -f "$lock" ] && ipcrm -m "$(awk 'NR == 7 { print $2 }' "$lock")"
done

# A mounted file system cannot be deleted.
for disk in "$1"/disk-*; do
    [ -d "$disk" ] && umount --lazy "$disk"
done

# Processes that were just killed may still be writing.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$1" && [ ! -e "$1" ] && exit
    sleep 0.2
done
