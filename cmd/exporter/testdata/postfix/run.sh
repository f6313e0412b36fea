# Runs the Postfix in $1 with its files below $2 until standard input ends, as users
# that every Debian has.
set -e
unpacked=$1 dir=$2
export LD_LIBRARY_PATH=$unpacked/usr/lib/postfix
cd $dir
mkdir -p data boxes etc/sasl queue
for d in active bounce corrupt defer deferred flush hold incoming maildrop private public saved trace; do
  mkdir queue/$d
  chown daemon queue/$d
done
mkdir queue/pid
chown daemon data
chown backup boxes
printf %s 'pass word' | $unpacked/usr/sbin/saslpasswd2 -p -c -f etc/sasl/users -u example.com robot
chown daemon etc/sasl/users
$unpacked/usr/lib/postfix/sbin/master -c $dir/etc -d &
cat # this is the first process of its namespace: its end is the end of all
