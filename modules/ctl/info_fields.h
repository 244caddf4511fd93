/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * The lines of `show info` in HAProxy's order. U/F/T(name, tags, value, what):
 * a number, a number that is more exact with `float`, a text (NULL: left out); I/R:
 * U/F of what a module knows.
 * `p` is the process's struct tw_process_info, `x` what info.c adds. Tags:
 * origin, nature, scope, as in the management guide, 9.2. NONE is a number
 * that has no line here.
 */
T(Name, "POS", "tideway", "Product name")
T(Version, "POS", p->version, "Product version")
T(Release_date, "POS", p->released, "Day of this version")
U(Nbthread, "CGS", p->n_threads, "Number of threads")
U(Nbproc, "CGS", 1, "Number of worker processes (always 1)")
U(Process_num, "KGP", 1, "Number of this worker process (always 1)")
U(Pid, "SGP", p->pid, "System's number of this worker process")
T(Uptime, "MDP", x->uptime, "How long the process has been running")
F(Uptime_sec, "MDP", x->uptime_s, "The same, in seconds")
U(Memmax_MB, "CLP", 0, "Limit of memory in MB, 0: none")
U(PoolAlloc_MB, "MGP", p->heap >> 20, "Memory taken from the system in MB")
U(PoolUsed_MB, "MGP", p->heap_used >> 20, "Memory in use in MB")
U(PoolFailed, "MCP", 0, "Requests for memory that failed")
N("Ulimit-n", "CLP", p->ulimit_n, "Limit of open file descriptors")
U(Maxsock, "CLP", p->maxsock, "Limit of sockets")
U(Maxconn, "CLP", p->maxconn, "Limit of connections in force")
U(Hard_maxconn, "CLP", p->hard_maxconn, "Limit of connections as configured or possible")
U(CurrConns, "MGP", p->cur_conns, "Connections now")
U(CumConns, "MCP", p->cum_conns, "Connections since the start")
U(CumReq, "MCP", p->cum_req, "Requests since the start")
I(MaxSslConns, "MMP", "Limit of TLS connections, 0: none")
I(CurrSslConns, "MGP", "TLS connections now")
I(CumSslConns, "MCP", "TLS connections since the start")
U(Maxpipes, "CLP", 0, "Limit of pipes for splicing, 0: none")
U(PipesUsed, "MGP", 0, "Pipes in use")
U(PipesFree, "MGP", 0, "Pipes that wait for use")
F(ConnRate, "MRP", p->conn_rate, "Connections in the last second")
U(ConnRateLimit, "CLP", p->conn_rate_limit, "Limit of ConnRate, 0: none")
U(MaxConnRate, "MMP", p->max_conn_rate, "Highest ConnRate so far")
F(SessRate, "MRP", p->cur_sess_rate, "Sessions in the last second")
U(SessRateLimit, "CLP", p->sess_rate_limit, "Limit of SessRate, 0: none")
U(MaxSessRate, "MRP", p->max_sess_rate, "Highest SessRate so far")
R(SslRate, "MRP", "TLS connections in the last second")
I(SslRateLimit, "CLP", "Limit of SslRate, 0: none")
I(MaxSslRate, "MMP", "Highest SslRate so far")
R(SslFrontendKeyRate, "MGP", "TLS keys made for clients in the last second")
I(SslFrontendMaxKeyRate, "MMP", "Highest SslFrontendKeyRate so far")
R(SslFrontendSessionReuse_pct, "MGP", "TLS connections that needed no new key, in percent")
R(SslBackendKeyRate, "MRP", "TLS keys made for servers in the last second")
I(SslBackendMaxKeyRate, "MMP", "Highest SslBackendKeyRate so far")
I(SslCacheLookups, "MCP", "TLS sessions looked for in the cache")
I(SslCacheMisses, "MCP", "TLS sessions not found in the cache")
F(CompressBpsIn, "MRP", p->comp_in_rate, "Bytes given to the compressor in the last second")
F(CompressBpsOut, "MRP", p->comp_out_rate, "Bytes made by the compressor in the last second")
U(CompressBpsRateLim, "CLP", p->comp_rate_limit, "Limit of CompressBpsIn, 0: none")
NONE
NONE
U(Tasks, "MGP", p->n_tasks, "Tasks")
U(Run_queue, "MGP", 0, "Tasks that are ready to run")
U(Idle_pct, "MaP", p->idle_pct, "Part of the last second the threads slept, in percent")
T(node, "COS", p->node, "Name of this node")
T(description, "COS", p->description, "Description of this node")
U(Stopping, "MGP", p->stopping, "1 while the process ends")
U(Jobs, "MGP", p->cur_conns + p->n_listeners, "Connections and listeners")
N("Unstoppable Jobs", "MGP", 0, "Jobs that nothing can stop")
U(Listeners, "MGP", p->n_listeners, "Listeners")
U(ActivePeers, "MGP", 0, "Peers that are verified")
U(ConnectedPeers, "MGP", 0, "Peers that are connected")
U(DroppedLogs, "MGP", p->log_lost, "Log lines that a receiver did not take")
U(BusyPolling, "MGP", 0, "1 while threads poll without sleeping")
U(FailedResolutions, "MGP", 0, "Names that could not be resolved")
B(TotalBytesOut, "MGP", p->bytes_out, "Bytes sent to clients since the start")
B(TotalSplicdedBytesOut, "MGP", 0, "Bytes sent through a pipe of the kernel")
B(BytesOutRate, "MRP", p->bytes_out_rate, "Bytes sent to clients in the last second")
U(DebugCommandsIssued, "MGP", 0, "Debugging commands since the start")
U(CumRecvLogs, "MCP", 0, "Log messages received")
T(Build info, "POS", p->version, "Build")
U(Memmax_bytes, "CLP", 0, "Limit of memory in bytes, 0: none")
B(PoolAlloc_bytes, "MGP", p->heap, "Memory taken from the system in bytes")
B(PoolUsed_bytes, "MGP", p->heap_used, "Memory in use in bytes")
F(Start_time_sec, "MDP", x->start_s, "When the process was started, seconds since 1970")
T(Tainted, "SGP", "0", "Bits that say what unsupported things were done")
U(Generation, "MCP", p->generation, "Configurations in force so far: reloads and 1")
#undef I
#undef R
#undef U
#undef F
#undef T
#undef N
#undef B
#undef NONE
