#!/bin/sh
# The borders of ARCHITECTURE.md as one table: folder, then the include patterns it must never contain.
root=$1
status=0
forbid() { # forbid <folder> <extended regular expression over the included name>
    found=$(grep -rnE "^#include *[<\"]($2)" "$root/$1" --include='*.h' --include='*.cpp' 2>/dev/null)
    if [ -n "$found" ]; then
        printf 'forbidden in %s:\n%s\n' "$1" "$found"
        status=1
    fi
}
torch='torch/|ATen/|c10/'
qt='Q[A-Z][A-Za-z]*>|Qt[A-Z]'
engine='core/(engine|nn|methods|objectives|protections|optim|eval|export)/'
forbid core "$qt|qcustomplot"
forbid core/base "core/(rewards|store|data|text|model_files|retrieval|review|stats|plan|run|engine|nn|families|methods|objectives|protections|optim|eval|export|serve)/"
for folder in store data text model_files retrieval review stats families plan model_report run serve; do
    forbid core/$folder "$torch|$engine"
done
forbid core/rewards "$torch|core/(engine|nn|methods|objectives|optim|export|store|families)/"
forbid core/plan "SQLiteCpp|sqlite3|core/store/"
for folder in engine nn methods objectives protections optim eval export; do forbid core/$folder "core/store/|SQLiteCpp|sqlite3"; done
forbid core/nn "core/(methods|objectives|protections|families|engine|optim|export|eval)/"
forbid core/methods "core/(objectives|engine|families)/"
forbid core/objectives "core/(methods|engine|families)/"
forbid core/protections "core/(methods|objectives|engine|families)/"
forbid ui "$torch|core/(engine|nn|methods|objectives|protections|optim|export)/|SQLiteCpp|sqlite3"
forbid ui/charts "core/"
for folder in bridge models views widgets; do forbid ui/$folder "qcustomplot"; done
forbid app "$torch|qcustomplot"
forbid . "torch/torch\.h"
views=$(grep -rnE '^#include "ui/views/' "$root/ui/views" --include='*.h' --include='*.cpp' 2>/dev/null |
    grep -vE 'ui/views/view\.h|ui/views/view_registry' | awk -F: '{
        file=$1; match($0, /"ui\/views\/[^"]*"/); inc=substr($0, RSTART+1, RLENGTH-2);
        n=split(file, a, "/"); f=a[n]; sub(/\.(h|cpp)$/, "", f); m=split(inc, b, "/"); g=b[m]; sub(/\.h$/, "", g);
        dir=a[n-1]; idir=b[m-1];
        if (f=="view_registry") next;
        if (dir==idir && dir!="views") next;
        if (f!=g) print $0 }')
if [ -n "$views" ]; then
    printf 'a view includes another view:\n%s\n' "$views"
    status=1
fi
[ $status -eq 0 ] && echo "layering: every include stays inside its border"
exit $status
