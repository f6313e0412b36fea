# Runs the Postfix in $1 with its files below $2 until standard input ends. Its users
# exist in this mount namespace alone.
set -e
unpacked=$1 dir=$2
(cat /etc/passwd; echo "postfix:x:64990:64990::$dir:/bin/false"; echo "postbox:x:64992:64992::$dir:/bin/false") >$dir/passwd
(cat /etc/group; echo postfix:x:64990:; echo postdrop:x:64991:; echo postbox:x:64992:) >$dir/group
mount --bind $dir/passwd /etc/passwd
mount --bind $dir/group /etc/group
export LD_LIBRARY_PATH=$unpacked/usr/lib/postfix
cd $dir
mkdir -p data boxes etc/sasl queue
for d in active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace; do
  mkdir queue/$d
  chown postfix queue/$d
done
mkdir queue/pid
chown postfix data
chown postbox boxes
printf %s 'pass word' | $unpacked/usr/sbin/saslpasswd2 -p -c -f etc/sasl/users -u example.com robot
chown postfix etc/sasl/users
$unpacked/usr/lib/postfix/sbin/master -c $dir/etc -d &
cat # this is the first process of its namespace: its end is the end of all
