# An agent: looks at this machine with real commands and tells what it finds, as it finds it.
line() { printf '%s\n' "$1"; }
plain() { tr -d '"\\\000-\037' | cut -c1-120; }
say() {
    line '{"type":"TEXT_MESSAGE_CONTENT","messageId":"answer","delta":"'"$1"'"}'
}
progress() {
    line '{"type":"CUSTOM","name":"progress","value":{"fraction":'"$1"',"message":"'"$2"'"}}'
}
look() { # id, what for, command…
    id=$1 what=$2
    shift 2
    line '{"type":"TOOL_CALL_START","toolCallId":"'"$id"'","toolCallName":"'"$1"'"}'
    line '{"type":"TOOL_CALL_ARGS","toolCallId":"'"$id"'","delta":"[\"'"$*"'\"]"}'
    line '{"type":"TOOL_CALL_END","toolCallId":"'"$id"'"}'
    found=$("$@" 2>&1 | tail -n 1 | plain)
    line '{"type":"TOOL_CALL_RESULT","messageId":"result-'"$id"'","toolCallId":"'"$id"'","content":"'"$found"'"}'
    for word in $what $found; do
        say "$word "
        sleep 0.1
    done
    say '\n'
}
line '{"type":"TEXT_MESSAGE_START","messageId":"answer","role":"assistant"}'
progress 0.1 'asking for the system'
look system 'This machine runs' uname -sr
progress 0.4 'asking for the processors'
look processors 'Processors:' getconf _NPROCESSORS_ONLN
progress 0.7 'asking for the disk'
look disk 'The disk here:' df -Pk .
line '{"type":"TEXT_MESSAGE_END","messageId":"answer"}'
progress 1 'done'
line '{"type":"CUSTOM","name":"output","value":{"system":"'"$(uname -s | plain)"'"}}'
