# Makes a database cluster where there is none, then becomes the server. Follows the part of the official `postgres`
# image's contract that the operator relies on: PGDATA, POSTGRES_USER, POSTGRES_PASSWORD_FILE, POSTGRES_DB, and
# arguments for the server (with or without a leading `postgres`). The image has no commands but the shell's own, rm and mv.
set -eu
export PGDATA
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
password_file=${POSTGRES_PASSWORD_FILE:?name the file that holds the password}

# Files of a group-writable volume must still be the server's alone.
umask 077

if [ ! -f "$PGDATA/PG_VERSION" ]; then
  # Made beside, then renamed: a start that is cut off on the way leaves nothing that the next one would take for whole.
  new=$PGDATA.new
  rm -rf "$new"
  # The builtin locale sorts by code point and knows UTF-8 without locale files, which this image lacks.
  initdb --pgdata="$new" --username="$user" --pwfile="$password_file" --auth-local=trust --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --no-instructions
  echo 'host all all all scram-sha-256' >>"$new/pg_hba.conf"
  if [ "$database" != postgres ]; then
    printf 'CREATE DATABASE "%s"\n' "$database" | postgres --single -j -D "$new" postgres
  fi
  mv -T "$new" "$PGDATA"
fi

[ "${1:-}" != postgres ] || shift
exec postgres -c listen_addresses='*' "$@"
