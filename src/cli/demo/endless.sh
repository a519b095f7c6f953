# Work that would never end. It takes SIGTERM as what it is, a request, and tidies up.
trap 'echo "asked to stop: tidying up"; exit 0' TERM
n=0
while :; do
    n=$((n + 1))
    echo "record $n"
    sleep 0.5 &
    wait $!
done
