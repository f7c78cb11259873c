# Copyright: (c) 2026, INFITULUÁ E.I.C.E. backup collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preparing a host says, in Spanish."""

from __future__ import annotations

PREPARATION_ACTIONS = {
    "look for a bucket": "buscar un depósito",
    "look for an IAM API": "buscar una API de IAM",
    "make a bucket": "hacer un depósito",
    "prepare a bucket": "disponer un depósito",
    "prepare an identity": "disponer una identidad",
    "look how a bucket protects copies": "ver cómo protege las copias un depósito",
    "try a cloud key": "probar una llave de la nube",
    "record what a cloud key may do": "registrar lo que puede una llave de la nube",
    "accept the cloud key": "aceptar la llave de la nube",
    "encrypt to the recipients": "cifrar para los destinatarios",
    "install the cloud key": "instalar la llave de la nube",
    "install the recipients": "instalar los destinatarios",
    "keep a key to its owner": "reservar una llave a su dueño",
    "allow the systems computer to connect": "dejar entrar al computador de sistemas",
    "look for programs": "buscar los programas",
    "make a directory": "crear un directorio",
    "make a key": "generar una llave",
    "prepare a directory of keys": "disponer un directorio de llaves",
    "prepare a medium": "disponer un medio",
    "prepare directories": "disponer los directorios",
    "provide keys": "disponer las llaves",
    "read the operational identity": "leer la identidad operativa",
    "read this host's public SSH keys": "leer las llaves públicas de SSH de este equipo",
    "read with the identity what is encrypted to the recipients": (
        "leer con la identidad lo que se cifra para los destinatarios"
    ),
    "set a mode": "fijar unos permisos",
    "use the escrow recipient": "usar el destinatario de custodia",
    "write a file": "escribir un archivo",
}
PREPARATION_SUBJECTS = {
    "account {name}": "la cuenta {name}",
    "operational recipient": "destinatario operativo",
    "this host": "este equipo",
}
PREPARATION_REASONS = {
    "it exists and has no Object Lock, which cannot be turned off again": (
        "ya existe y no tiene Object Lock, que después no se puede quitar"
    ),
    "it has other policies too: {names}": "tiene además otras políticas: {names}",
    "it may not ask whether the bucket keeps versions and has Object Lock": (
        "no puede preguntar si el depósito guarda versiones y tiene Object Lock"
    ),
    "the bucket keeps no versions, so that copies there can be replaced": (
        "el depósito no guarda versiones, así que allí se pueden reemplazar copias"
    ),
    "the bucket has no Object Lock, so that copies there can be deleted": (
        "el depósito no tiene Object Lock, así que allí se pueden borrar copias"
    ),
    "only a bucket has keys": "solo un depósito de la nube tiene llaves",
    "it is no bucket": "no es un depósito",
    "the store accepted the setting and does not keep it": "el almacén aceptó el ajuste y no lo guarda",
    "it could not be tried to {names}": "no se pudo probar: {names}",
    "it cannot {names}": "no puede: {names}",
    "it has no credentials file and profile": "no tiene archivo de credenciales ni perfil",
    "it has none": "no tiene ninguna",
    "it is a private key, and no host may hold it": "es una llave privada, y ningún equipo debe tenerla",
    "it is not in octal digits": "no está en dígitos octales",
    "it is not known": "no se conoce",
    "it is the operational key of the systems computer, so that losing one would mean losing both": (
        "es la llave operativa del computador de sistemas, así que perder una sería perder las dos"
    ),
    "it is there already, and is no directory ({path})": "ya está ahí, y no es un directorio ({path})",
    "it may {names}, which it must not": "puede lo que no debe: {names}",
    (
        "it is not an age public key, and without it the loss of the systems computer would make every backup"
        " unreadable"
    ): ("no es una llave pública de age, y sin ella la pérdida del computador de sistemas haría ilegible toda copia"),
    "its keys are the same one": "sus llaves son la misma",
    "its {name} is empty or contains a space": "su {name} está vacía o tiene un espacio",
    "its {name} key is no public key": "su llave {name} no es una llave pública",
    "something else came out": "salió otra cosa",
    "the keys and the sets that they read ({path}) would be in the same place, and could be lost or stolen together": (
        "las llaves y las copias que leen ({path}) quedarían en un mismo lugar, y se perderían o robarían juntas"
    ),
    "there is no {name} on this host": "no hay {name} en este equipo",
    "there is none, and without it the loss of the systems computer would make every backup unreadable": (
        "no hay ninguna, y sin ella la pérdida del computador de sistemas haría ilegible toda copia"
    ),
    "{free} are free and {needed} must be": "hay {free} libres y debe haber {needed}",
}
_OFFLINE = "como dice docs/security.md."
PREPARATION_STEPS = {
    "Correct its name. If all that is in it may be locked, run cloud_bucket with adopt: true.": (
        "Corrija su nombre. Si todo lo que hay en él se puede bloquear, use cloud_bucket con adopt: true."
    ),
    (
        "Prepare the bucket (playbook infitulua.backup.prepare_cloud), and let this key s3:GetBucketVersioning and"
        " s3:GetBucketObjectLockConfiguration. If this store has no Object Lock, say in the inventory why it is used"
        " all the same (backup_cloud_without_lock)."
    ): (
        "Disponga el depósito (playbook infitulua.backup.prepare_cloud), y permita a esta llave s3:GetBucketVersioning"
        " y s3:GetBucketObjectLockConfiguration. Si este almacén no tiene Object Lock, diga en el inventario por qué se"
        " usa de todos modos (backup_cloud_without_lock)."
    ),
    "Give a medium of type s3.": "Dé un medio de tipo s3.",
    "Make that directory writable, with free space, and run again: this trial is not recorded.": (
        "Haga que se pueda escribir en ese directorio, con espacio libre, y ejecute de nuevo: esta prueba no quedó"
        " registrada."
    ),
    "Give a medium of type s3 with a bucket, and days of 1 or more.": (
        "Dé un medio de tipo s3 con bucket, y días desde 1."
    ),
    "Set it in the store's own console, or use another store; then run again.": (
        "Póngalo en la consola del almacén, o use otro almacén, y ejecute de nuevo."
    ),
    "Take them away at the store, or delete the identity; then run again.": (
        "Quíteselas en el almacén, o borre la identidad, y ejecute de nuevo."
    ),
    (
        "A server's key may s3:PutObject, s3:AbortMultipartUpload and s3:PutObjectRetention, below its own name, and"
        " nothing else. "
        "Correct its policy at the provider and run again."
    ): (
        "La llave de un servidor puede s3:PutObject, s3:AbortMultipartUpload y s3:PutObjectRetention, bajo su propio"
        " nombre, y nada más. "
        "Corrija su política en el proveedor y ejecute de nuevo."
    ),
    "Check the file system and its mount options.": "Revise el sistema de archivos y sus opciones de montaje.",
    "Give a medium of type s3, with credentials_file and profile.": (
        "Dé un medio de tipo s3, con credentials_file y profile."
    ),
    "Give a mode such as 0700.": "Dé unos permisos como 0700.",
    "Install and start its SSH server, and repeat the step.": "Instale e inicie su servidor SSH, y repita el paso.",
    "Install the program that makes it (age, openssh-client) by hand, and repeat the step.": (
        "Instale a mano el programa que la genera (age, openssh-client) y repita el paso."
    ),
    (
        "It is never overwritten, because sets may be encrypted to it: put a copy of it back or, if no set has been"
        " written yet, move it away and run again."
    ): (
        "Nunca se sobrescribe, porque puede haber copias cifradas para ella: ponga de nuevo su copia o, si aún no se "
        "ha escrito ninguna copia de seguridad, muévala de ahí y ejecute de nuevo."
    ),
    "It is never overwritten: put a copy of it back, or move it away and run again.": (
        "Nunca se sobrescribe: ponga de nuevo su copia, o muévala de ahí y ejecute de nuevo."
    ),
    "Look at the file, and repeat the step.": "Revise el archivo y repita el paso.",
    "Free some space, or lower the minimum.": "Libere espacio, o baje el mínimo.",
    "Give two separate places.": "Nombre dos lugares separados el uno del otro.",
    ("Prepare the systems computer in the same run (playbook infitulua.backup.step1_prepare_media without --limit)."): (
        "Disponga el computador de sistemas en la misma ejecución (playbook infitulua.backup.step1_prepare_media sin "
        "--limit)."
    ),
    (
        "Remove it from the inventory and treat it as compromised. The director creates another one offline and gives"
        " its "
        "public part (age1…), as docs/security.md says."
    ): (
        "Quítela del inventario y dela por perdida. El director genera otra sin conexión a la red y entrega su parte "
        f"pública (age1…), {_OFFLINE}"
    ),
    "Set backup_cloud_access_key and backup_cloud_secret_key for this host, encrypted with ansible-vault.": (
        "Ponga backup_cloud_access_key y backup_cloud_secret_key de este equipo, cifradas con ansible-vault."
    ),
    "The director makes one offline and gives its public part (age1…), as docs/security.md says.": (
        f"El director genera una sin conexión a la red y entrega su parte pública (age1…), {_OFFLINE}"
    ),
    (
        "The systems computer's retention key may s3:ListBucket*, s3:GetObjectRetention, s3:PutObjectRetention and "
        "s3:DeleteObjectVersion, and nothing else. Correct its policy at the provider and run again."
    ): (
        "La llave de conservación del computador de sistemas puede s3:ListBucket*, s3:GetObjectRetention, "
        "s3:PutObjectRetention y s3:DeleteObjectVersion, y nada más. Corrija su política en el proveedor y ejecute de "
        "nuevo."
    ),
    (
        "The systems computer's key may s3:GetObject*, s3:ListBucket*, s3:GetBucketVersioning and"
        " s3:GetBucketObjectLockConfiguration, and nothing else. "
        "Correct its policy at the provider and run again."
    ): (
        "La llave del computador de sistemas puede s3:GetObject*, s3:ListBucket*, s3:GetBucketVersioning y"
        " s3:GetBucketObjectLockConfiguration, y nada más. "
        "Corrija su política en el proveedor y ejecute de nuevo."
    ),
}
