# shellcheck shell=bash
# Sourced by the peers' `setup`: installs what a peer needs, once for each content of its folder.

# install_once FOLDER PEER INSTALL: calls INSTALL with the emptied FOLDER, unless FOLDER already
# contains an installation for the files in PEER and the programs of this machine.
install_once() {
    local folder=$1 peer=$2 install=$3 key
    key=$(
        cat "$peer"/* "$peer"/../install.sh | sha256sum
        python3 --version
        "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1
    )
    if [[ -f $folder/installed && $(<"$folder/installed") == "$key" ]]; then return 0; fi
    rm -rf "$folder"
    mkdir -p "$folder"
    "$install" "$folder"
    # Last, so that an interrupted installation is repeated.
    printf '%s\n' "$key" >"$folder/installed"
}

# A virtual environment with the packages of requirements.txt.
install_python() {
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
        --requirement "$peer/requirements.txt"
}

# The jars that pom.xml names, and the peer's own classes.
install_java() {
    cp "$peer/pom.xml" "$1/pom.xml"
    mvn --batch-mode --quiet --file "$1/pom.xml" package
    "${JAVA_HOME:+$JAVA_HOME/bin/}javac" -nowarn -cp "$1/jars/*" -d "$1/classes" "$peer"/*.java
}
