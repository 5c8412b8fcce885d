/* What the kernel alone takes for frames of many small streams: one socket sends frames of 2083 bytes (two datagrams, one
 * UDP_SEGMENT run) to a thousand connected sockets in turn, another process reads them through one epoll set every 2 ms.
 *
 *     gcc -O2 -o c_many_streams c_many_streams.c && ./c_many_streams BATCH RATE
 *
 * BATCH: frames in one sendmmsg (1: sendmsg). RATE: frames a second in all, 0 for as many as go. Prints the CPU time of a frame
 * on each side, without any work of a program's own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STREAMS = 1000, FRAME = 2083, DATAGRAM = 1400, HEADER = 26, BATCH_MAX = 64, SEGMENT = 103, GRO = 104 };

static long long clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void receive(const int *sockets) {
    static struct epoll_event events[STREAMS];
    static char buffer[65536], control[256];
    int epoll = epoll_create1(0);
    long long got = 0, end = clock_ns(CLOCK_MONOTONIC) + 3000000000LL;
    pin(1);
    for (int i = 0; i < STREAMS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = sockets[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &event);
    }
    while (clock_ns(CLOCK_MONOTONIC) < end) {
        int ready = epoll_wait(epoll, events, STREAMS, 100);
        for (int i = 0; i < ready; i++) {
            struct iovec vector = {buffer, sizeof buffer};
            struct msghdr message = {
                .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
            ssize_t length = recvmsg(events[i].data.fd, &message, 0);
            got += length > 0 ? length : 0;
        }
        usleep(2000);
    }
    printf("receiver: %.2f us of CPU a frame\n", clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e3 / (got / (double)FRAME));
    exit(0);
}

int main(int count, char **arguments) {
    int batch = count > 1 ? atoi(arguments[1]) : 1, rate = count > 2 ? atoi(arguments[2]) : 0, on = 1, size = 4 << 20;
    static int sockets[STREAMS];
    static struct sockaddr_in peers[STREAMS];
    static char payload[DATAGRAM], headers[BATCH_MAX][HEADER], controls[BATCH_MAX][CMSG_SPACE(2)];
    static struct mmsghdr messages[BATCH_MAX];
    static struct iovec vectors[BATCH_MAX][4];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int sender = socket(AF_INET, SOCK_DGRAM, 0);

    if (batch < 1 || batch > BATCH_MAX) return 2;
    bind(sender, (void *)&address, sizeof address);
    getsockname(sender, (void *)&address, &length);
    setsockopt(sender, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    for (int i = 0; i < STREAMS; i++) {
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        setsockopt(sockets[i], IPPROTO_UDP, GRO, &on, sizeof on);
        setsockopt(sockets[i], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        connect(sockets[i], (void *)&address, sizeof address);
        length = sizeof peers[i];
        getsockname(sockets[i], (void *)&peers[i], &length);
    }
    fflush(stdout);
    if (!fork()) receive(sockets);
    pin(0);
    for (int i = 0; i < batch; i++) {
        struct msghdr *message = &messages[i].msg_hdr;
        vectors[i][0] = vectors[i][2] = (struct iovec){headers[i], HEADER};
        vectors[i][1] = (struct iovec){payload, DATAGRAM - HEADER};
        vectors[i][3] = (struct iovec){payload, FRAME - DATAGRAM - HEADER};
        message->msg_namelen = sizeof *peers;
        message->msg_iov = vectors[i];
        message->msg_iovlen = 4;
        message->msg_control = controls[i];
        message->msg_controllen = sizeof controls[i];
        struct cmsghdr *segment = (void *)controls[i];
        *segment = (struct cmsghdr){.cmsg_len = CMSG_LEN(2), .cmsg_level = IPPROTO_UDP, .cmsg_type = SEGMENT};
        *(unsigned short *)CMSG_DATA(segment) = DATAGRAM;
    }
    usleep(300000);
    long long began = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), sent = 0;
    while (clock_ns(CLOCK_MONOTONIC) < began + 2000000000LL) {
        long long wait = rate ? began + sent * 1000000000LL / rate - clock_ns(CLOCK_MONOTONIC) : 0;
        if (wait > 0) nanosleep(&(struct timespec){0, wait}, NULL);
        for (int i = 0; i < batch; i++) messages[i].msg_hdr.msg_name = &peers[sent++ % STREAMS];
        if (batch == 1) sendmsg(sender, &messages[0].msg_hdr, 0);
        else sendmmsg(sender, messages, batch, 0);
    }
    double took = clock_ns(CLOCK_MONOTONIC) - began;
    printf("sender: %.0f frames/s, %.2f us of CPU a frame\n", sent / took * 1e9,
           (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e3 / sent);
    fflush(stdout);
    wait(NULL);
    return 0;
}
