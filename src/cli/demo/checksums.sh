# A workflow of four tasks with real work. Its first attempt is killed from outside, half way.
line() { printf '%s\n' "$1"; }
task() { # id, status
    line '{"type":"CUSTOM","name":"task","value":{"id":"'"$1"'","name":"'"$1"'","status":"'"$2"'"}}'
}
done_so_far() {
    line '{"type":"CUSTOM","name":"progress","value":{"fraction":'"$1"',"message":"'"$2"'"}}'
}
line '{"type":"CUSTOM","name":"process","value":{"pid":'$$'}}'
task collect in_progress
list=$(ls -l /etc)
sleep 0.6
task collect completed
done_so_far 0.25 'collected'
task sort in_progress
sorted=$(printf '%s\n' "$list" | sort)
sleep 0.6
task sort completed
done_so_far 0.5 'sorted'
task sum in_progress
sleep 1.2
sum=$(printf '%s' "$sorted" | cksum)
task sum completed
done_so_far 0.75 'summed'
task report in_progress
sleep 0.4
task report completed
done_so_far 1 'reported'
line '{"type":"CUSTOM","name":"output","value":{"cksum":"'"$sum"'","attempt":'"$HEARTLINE_ATTEMPT"'}}'
