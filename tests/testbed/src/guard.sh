# Ends what its owner started, when the owner is gone, however it went.
#
# The owner holds the other end of standard input, which the kernel closes at its death. Until then
# it tells, line by line, the leaders of the process groups that it starts; every line is answered,
# so that nothing starts before it is known here.
#
# $1: the owner's folder, removed at the end.

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

# PostgreSQL's children are leaders of groups of their own. A stopped parent starts no more of them.
for leader in $leaders; do
    kill -STOP "$leader"
    grep -l "^PPid:[[:space:]]*$leader\$" /proc/[0-9]*/status | while read -r status; do
        process=${status#/proc/}
        kill -KILL "${process%/status}"
    done
    kill -KILL "-$leader"
done

# PostgreSQL writes down which piece of shared memory is its own, and cannot give it back when killed.
for lock in "$1"/postgres-*/data/postmaster.pid; do
    [ -f "$lock" ] && ipcrm -m "$(awk 'NR == 7 { print $2 }' "$lock")"
done

# A disk that was mounted there could not be removed.
for disk in "$1"/disk-*; do
    [ -d "$disk" ] && umount --lazy "$disk"
done

# Who was killed a moment ago may still be writing.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$1" && [ ! -e "$1" ] && exit
    sleep 0.2
done
