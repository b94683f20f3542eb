#!/bin/sh
# capacity.sh - what a migration needs of processors, links and disks, and what saturates first; doc/capacity.md has
# what it prints.
#
#   BYTES=1e12 KEYS=2e9 SHARDS=64 NODES=32 sh contrib/capacity.sh
#
# Of the migration: BYTES of the source's snapshot stream, KEYS in it, SHARDS (flows), NODES (masters of the target; 1: no
# cluster). Of the machines: CORES of flowtape's, LINK and TARGET_LINK in Gbit/s, DISK in MB/s, NODE_CORES: those of a
# target's node that its server can use. What the rest stands for is measured by "make bench": seconds of the processor
# per GB or per million keys, of flowtape and of a redis-server 7.0, and the MB/s that one shard sends.
set -eu

awk -v bytes="${BYTES:-1e12}" -v keys="${KEYS:-2e9}" -v shards="${SHARDS:-64}" -v nodes="${NODES:-32}" \
    -v cores="${CORES:-16}" -v link="${LINK:-25}" -v target_link="${TARGET_LINK:-25}" -v disk="${DISK:-2000}" \
    -v capture_s_gb="${CAPTURE_S_GB:-1.9}" -v read_s_gb="${READ_S_GB:-0.8}" \
    -v send_s_m="${SEND_S_M:-$([ "${NODES:-32}" -gt 1 ] && echo 0.6 || echo 0.25)}" \
    -v server_s_m="${SERVER_S_M:-$([ "${NODES:-32}" -gt 1 ] && echo 1.8 || echo 1.15)}" \
    -v shard_mb_s="${SHARD_MB_S:-40}" 'BEGIN {
    gb = bytes / 1e9
    m = keys / 1e6
    # A replay sends by up to 8 threads, and has no more than 48 connections (replay_snapshot.c).
    senders = int(48 / nodes)
    if (senders > 8) senders = 8
    if (senders < 1) senders = 1
    if (senders > shards) senders = shards
    if (senders > cores) senders = cores

    printf "%.0f GB, %.0f million keys, %d shards, %d nodes; %d cores, links of %g and %g Gbit/s, a disk of %g MB/s\n\n",
        gb, m, shards, nodes, cores, link, target_link, disk
    printf "%-10s %-48s %14s %10s\n", "", "limit", "seconds alone", "time"
    stage("capture")
    add("the source: a thread for each shard", bytes / 1e6 / (shards * shard_mb_s))
    add("the link to flowtape", bytes * 8 / 1e9 / link)
    add("flowtape: a thread for each flow", gb * capture_s_gb / (shards < cores ? shards : cores))
    add("the disk, written", bytes / 1e6 / disk)
    done()
    stage("replay")
    add("the disk, read", bytes / 1e6 / disk)
    add(sprintf("flowtape: %d sending thread%s", senders, senders == 1 ? "" : "s"),
        (gb * read_s_gb + m * send_s_m) / senders)
    add("the link to the target", bytes * 8 / 1e9 / target_link)
    add("the nodes: a thread each", m * server_s_m / nodes)
    done()
    printf "%-10s %-48s %14s %10s\n", "together", "", "", hours(total)
}

function stage(name) {
    stage_name = name
    slowest = 0
}

function add(what, seconds) {
    printf "%-10s %-48s %14.0f\n", stage_name, what, seconds
    stage_name = ""
    if (seconds > slowest) {
        slowest = seconds
        saturated = what
    }
}

function done() {
    total += slowest
    printf "%-10s %-48s %14s %10s\n", "", "saturated: " saturated, "", hours(slowest)
}

function hours(seconds) {
    return sprintf("%d:%02d:%02d", int(seconds / 3600), int(seconds / 60) % 60, seconds % 60)
}'
