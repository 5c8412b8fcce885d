/*
 * The yardstick of raw_offload.py: one UDP stream over loopback with UDP_SEGMENT and UDP_GRO, written in C.
 *
 *   c_loop send PORT SECONDS      datagrams of 1400 bytes to 127.0.0.1:PORT, 46 a call, for SECONDS
 *   c_loop receive MAX_SECONDS    prints "port N", then reads until half a second passes without a datagram
 *                                 (at most MAX_SECONDS); compares every payload byte; prints one JSON line
 *
 * Each datagram is cts's data datagram: 26 bytes of header, then the numbers 0, 1, 2 ... as 16-bit little-endian.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

enum {
    DATAGRAM = 1400,
    HEADER = 26,
    PAYLOAD = DATAGRAM - HEADER,
    SEGMENTS = 46,
    SOCKET_BUFFER = 4 * 1024 * 1024,
    IDLE_MS = 500,
};

static uint8_t pattern[PAYLOAD];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void fill_pattern(void)
{
    for (int i = 0; i < PAYLOAD; i += 2) {
        pattern[i] = (i / 2) & 0xff;
        pattern[i + 1] = (i / 2) >> 8;
    }
}

static void put_le64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = value >> (8 * i);
}

static int open_socket(int option)
{
    int size = SOCKET_BUFFER;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    if (setsockopt(fd, SOL_SOCKET, option, &size, sizeof size) < 0)
        die("setsockopt");
    return fd;
}

static void wait_for(int fd, short events)
{
    struct pollfd entry = {.fd = fd, .events = events};
    if (poll(&entry, 1, IDLE_MS) < 0 && errno != EINTR)
        die("poll");
}

static int run_sender(int port, double seconds)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = open_socket(SO_SNDBUF);
    uint8_t header[HEADER] = {0};
    put_le64(header + 18, 10000000);

    struct iovec vector[2 * SEGMENTS];
    for (int i = 0; i < SEGMENTS; i++) {
        vector[2 * i] = (struct iovec){header, HEADER};
        vector[2 * i + 1] = (struct iovec){pattern, PAYLOAD};
    }
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr message = {
        .msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = vector, .msg_iovlen = 2 * SEGMENTS,
        .msg_control = control.bytes, .msg_controllen = sizeof control.bytes,
    };
    struct cmsghdr *item = CMSG_FIRSTHDR(&message);
    uint16_t segment = DATAGRAM;
    item->cmsg_level = SOL_UDP;
    item->cmsg_type = UDP_SEGMENT;
    item->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(item), &segment, sizeof segment);

    int64_t end = now_ns() + (int64_t)(seconds * 1e9);
    uint64_t calls = 0;
    for (;;) {
        int64_t at = now_ns();
        if (at >= end)
            break;
        put_le64(header + 2, calls + 1);
        put_le64(header + 10, at / 100);
        if (sendmsg(fd, &message, 0) < 0) {
            if (errno != EAGAIN && errno != ENOBUFS)
                die("sendmsg");
            wait_for(fd, POLLOUT);
            continue;
        }
        calls++;
    }
    printf("{\"sent_bytes\": %llu}\n", (unsigned long long)calls * SEGMENTS * DATAGRAM);
    return 0;
}

static void verify(const uint8_t *buffer, size_t length, size_t segment)
{
    for (size_t at = 0; at < length; at += segment) {
        size_t size = length - at < segment ? length - at : segment;
        if (size <= HEADER || size > DATAGRAM || memcmp(buffer + at + HEADER, pattern, size - HEADER) != 0) {
            fprintf(stderr, "a payload is not the pattern\n");
            exit(1);
        }
    }
}

static int run_receiver(double max_seconds)
{
    struct sockaddr_in local = {.sin_family = AF_INET};
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t local_size = sizeof local;
    int on = 1;
    int fd = open_socket(SO_RCVBUF);
    if (setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) < 0)
        die("setsockopt");
    if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0 ||
        getsockname(fd, (struct sockaddr *)&local, &local_size) < 0)
        die("bind");
    printf("port %d\n", ntohs(local.sin_port));
    fflush(stdout);

    static uint8_t buffer[65536];
    static uint64_t control[32];
    struct sockaddr_in6 peer;
    struct iovec vector = {buffer, sizeof buffer};
    int64_t started = now_ns(), first = 0, last = 0;
    uint64_t bytes = 0, calls = 0;
    uint32_t drops = 0;
    for (;;) {
        struct msghdr message = {
            .msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &vector, .msg_iovlen = 1,
            .msg_control = control, .msg_controllen = sizeof control,
        };
        ssize_t length = recvmsg(fd, &message, 0);
        if (length < 0) {
            int64_t at = now_ns();
            if (errno != EAGAIN)
                die("recvmsg");
            if ((first && at - last > IDLE_MS * 1000000LL) || at - started > (int64_t)(max_seconds * 1e9))
                break;
            wait_for(fd, POLLIN);
            continue;
        }
        size_t segment = length;
        for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
            int value;
            memcpy(&value, CMSG_DATA(item), sizeof value);
            if (item->cmsg_level == SOL_UDP && item->cmsg_type == UDP_GRO)
                segment = value;
            else if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SO_RXQ_OVFL)
                drops = value;
        }
        verify(buffer, length, segment);
        last = now_ns();
        if (!first)
            first = last;
        bytes += length;
        calls++;
    }
    printf("{\"bytes\": %llu, \"calls\": %llu, \"drops\": %u, \"seconds\": %.6f}\n", (unsigned long long)bytes,
           (unsigned long long)calls, drops, (last - first) / 1e9);
    return 0;
}

int main(int count, char **words)
{
    fill_pattern();
    if (count == 4 && strcmp(words[1], "send") == 0)
        return run_sender(atoi(words[2]), atof(words[3]));
    if (count == 3 && strcmp(words[1], "receive") == 0)
        return run_receiver(atof(words[2]));
    fprintf(stderr, "usage: c_loop send PORT SECONDS | c_loop receive MAX_SECONDS\n");
    return 2;
}
