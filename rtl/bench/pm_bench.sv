`default_nettype none

// The cluster with a watcher that writes the trace of docs/accelerator.md. Looks at the state before each clock edge,
// as the contract's "state at t" does.
module pm_bench #(
    parameter int CORES = 1,
    parameter int VLMAX = 8192,
    parameter int FIFO = 256,
    parameter int OUTQ = 8,
    parameter int ROM = 4096,
    parameter int MEM_BEATS = 65536,
    parameter int BATCH = 1,
    parameter int LANES = 16,
    parameter int ROW_LANES = 16,
    parameter int COLUMNS = 16,
    localparam int WORD = 32 * LANES
) (
    input  wire logic                              clk_i,
    input  wire logic                              rst_ni,
    input  wire logic                              mem_rst_ni,
    output      logic [                      15:0] rom_addr_o,
    input  wire logic [                      63:0] rom_data_i,
    input  wire logic [                       5:0] slots_i,
    output      logic [                   CORES:0] req_valid_o,
    output      logic [(CORES+1)*pm_pkg::ADDR-1:0] req_addr_o,
    output      logic [                   CORES:0] req_write_o,
    output      logic [          WORD-1:0] req_wdata_o,
    output      logic [                   CORES:0] req_grant_o,
    input  wire logic [                   CORES:0] rsp_valid_i,
    input  wire logic [(CORES+1)*WORD-1:0] rsp_data_i,
    input  wire logic                              tok_valid_i,
    input  wire logic                              tok_end_i,
    input  wire logic [              32*BATCH-1:0] tok_i,
    input  wire logic [                 BATCH-1:0] tok_active_i,
    output      logic                              tok_ready_o,
    output      logic                              out_valid_o,
    output      logic [              32*BATCH-1:0] out_tok_o,
    output      logic                              halted_o,
    output      logic [                       2:0] fault_o,
    output      logic [                      15:0] fault_pc_o
);
  // The harness reads these to know how the model was built.
  localparam int cores /*verilator public*/ = CORES;
  localparam int rom_words /*verilator public*/ = ROM;
  localparam int mem_beats /*verilator public*/ = MEM_BEATS;
  localparam int slots /*verilator public*/ = BATCH;
  localparam int lanes /*verilator public*/ = LANES;

  pm_cluster #(
      .CORES(CORES),
      .VLMAX(VLMAX),
      .FIFO(FIFO),
      .OUTQ(OUTQ),
      .ROM(ROM),
      .MEM_BEATS(MEM_BEATS),
      .BATCH(BATCH),
      .LANES(LANES),
      .ROW_LANES(ROW_LANES),
      .COLUMNS(COLUMNS)
  ) u_cluster (
      .*
  );

  // Instructions in flight and their addresses, by unit.
  pm_pkg::decoded_t ls_q, row_q, scl_q, tmv_q;
  logic [15:0] ls_pc_q, row_pc_q, scl_pc_q, tmv_pc_q;
  logic [3:0] busy, busy_q;
  int cycle_q;
  logic ended_q;

  assign busy = {u_cluster.tmv_busy, u_cluster.scl_busy, u_cluster.row_busy, u_cluster.ls_busy};

  function automatic logic [31:0] fold(input logic [31:0] c, input logic [31:0] x);
    return {c[30:0], c[31]} ^ x;
  endfunction

  function automatic int words_of(input int elements);
    return (elements + LANES - 1) / LANES;
  endfunction

  // Checksums of what each slot's instructions wrote, taken in the middle of the cycle in which they are done.
  wire logic [3:0] done = busy_q & ~busy;
  logic [31:0] part[0:4*BATCH-1];

  localparam int PARTS = pm_pkg::bank_parts(LANES, COLUMNS);
  localparam int SIZE = COLUMNS / PARTS;
  localparam int BANK = 1 << $clog2((VLMAX + COLUMNS - 1) / COLUMNS);  // words of a bank

  for (genvar b = 0; b < BATCH; b++) begin : gen_watch
    // A bank's part p, which exists for p < PARTS.
    `define PART_OF(p) u_cluster.gen_core[0].u_ternary_core.gen_part[p % PARTS].u_banks.mem[place]
    `define WORD_OF(r) u_cluster.gen_slot[b].u_router.gen_register[r].u_ram.mem[w]

    // The elements of the first `words` words of a vector register.
    function automatic logic [31:0] fold_vector(input logic [2:0] register, input int words);
      logic [31:0] c = '0;
      logic [WORD-1:0] data;
      for (int w = 0; w < words; w++) begin
        case (register)
          3'd0: data = `WORD_OF(0);
          3'd1: data = `WORD_OF(1);
          3'd2: data = `WORD_OF(2);
          3'd3: data = `WORD_OF(3);
          3'd4: data = `WORD_OF(4);
          3'd5: data = `WORD_OF(5);
          3'd6: data = `WORD_OF(6);
          default: data = `WORD_OF(7);
        endcase
        for (int i = 0; i < LANES; i++) c = fold(c, data[32*i+:32]);
      end
      return c;
    endfunction

    function automatic logic [31:0] fold_bank(input logic bank, input int words);
      logic [31:0] c = '0;
      logic [BATCH*8*SIZE-1:0] part;
      int n, place;
      for (int i = 0; i < words * LANES; i++) begin
        n = i / SIZE;
        place = n / PARTS + (bank ? BANK : 0);
        case (n % PARTS)
          0: part = `PART_OF(0);
          1: part = `PART_OF(1);
          2: part = `PART_OF(2);
          3: part = `PART_OF(3);
          default: part = `PART_OF(4);
        endcase
        c = fold(c, 32'($signed(part[8*(SIZE*b+i%SIZE)+:8])));
      end
      return c;
    endfunction

    function automatic logic [31:0] fold_scalar(input logic [31:0] from, input logic [3:0] register);
      return fold(from, {8'b0, u_cluster.gen_slot[b].u_scalar_file.file[register]});
    endfunction

    function automatic logic [31:0] fold_row();
      logic [31:0] c;
      if (row_q.op == pm_isa::OP_QNT) return fold_bank(row_q.q, words_of(32'(row_q.len)));
      c = fold_vector(row_q.y, words_of(32'(row_q.len)));
      return row_q.red != '0 ? fold_scalar(c, row_q.sd) : c;
    endfunction

    function automatic logic [31:0] fold_product();
      logic [31:0] c = '0;
      if (tmv_q.wr) c = fold_vector(tmv_q.y, words_of(32'(tmv_q.rows)));
      if (tmv_q.arg) begin
        c = fold(c, u_cluster.u_collector.gen_slot[b].u_argmax.best_q);
        c = fold(c, u_cluster.u_collector.gen_slot[b].u_argmax.index_o);
      end
      return c;
    endfunction

    always_ff @(negedge clk_i) begin
      if (done[0]) part[b] <= fold_vector(ls_q.y, words_of(32'(ls_q.len)));
      if (done[1]) part[BATCH+b] <= fold_row();
      if (done[2]) part[2*BATCH+b] <= fold_scalar('0, scl_q.sd);
      if (done[3]) part[3*BATCH+b] <= fold_product();
    end
  end

  // Assertions on every protocol between units, checked in each cycle of every co-simulated program.

  // Memory: only requests are granted, as many as memory takes; a request stays as it is until it is granted.
  logic [CORES:0] waiting_q, writes_q;
  logic [(CORES+1)*pm_pkg::ADDR-1:0] addresses_q;

  always_ff @(posedge clk_i) begin
    waiting_q <= rst_ni ? req_valid_o & ~req_grant_o : '0;
    writes_q <= req_write_o;
    addresses_q <= req_addr_o;
    if (rst_ni) begin
      assert ((req_grant_o & ~req_valid_o) == '0) else $error("memory: granted without a request");
      assert (6'($countones(req_grant_o)) <= slots_i) else $error("memory: more grants than slots");
      assert (!(u_cluster.tmv_go && u_cluster.tmv_busy)) else $error("issue: two products");
    end
  end

  for (genvar p = 0; p <= CORES; p++) begin : gen_port
    always_ff @(posedge clk_i) begin
      if (rst_ni && waiting_q[p] && !halted_o) begin
        assert (req_valid_o[p] && req_write_o[p] == writes_q[p] &&
            req_addr_o[pm_pkg::ADDR*p+:pm_pkg::ADDR] == addresses_q[pm_pkg::ADDR*p+:pm_pkg::ADDR])
        else $error("memory: a request changed before its grant");
      end
    end
  end

  // Streams and cores: a FIFO's place is not read and written at once, nor a bank's; results never exceed their queue.
  for (genvar c = 0; c < CORES; c++) begin : gen_core_checks
    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        if (u_cluster.gen_core[c].u_streamer.rsp_valid_i &&
            u_cluster.gen_core[c].u_streamer.write_q == u_cluster.gen_core[c].u_streamer.read_q)
          assert (!u_cluster.gen_core[c].pop) else $error("streamer: a place read while written");
        assert (32'(u_cluster.gen_core[c].u_ternary_core.flying_q) <= OUTQ) else $error("core: too many results");
        assert (!u_cluster.take[c] || u_cluster.block[c]) else $error("collector: took what is not there");
      end
    end
  end

  for (genvar c = 0; c < CORES; c++) begin : gen_bank_checks
    for (genvar p = 0; p < PARTS; p++) begin : gen_part
      `define BANKS u_cluster.gen_core[c].u_ternary_core.gen_part[p].u_banks
      always_ff @(posedge clk_i) begin
        if (rst_ni && `BANKS.we_i && `BANKS.waddr_i == `BANKS.raddr_i)
          assert (!u_cluster.gen_core[c].pop) else $error("bank: a word read while written");
      end
    end
  end

  // Registers: one unit at a time writes each, and a word is not read in the cycle in which it is written.
  for (genvar b = 0; b < BATCH; b++) begin : gen_slot_checks
    wire logic reads = u_cluster.gen_slot[b].u_row.valid_q[0];
    for (genvar r = 0; r < 8; r++) begin : gen_register
      `define REGISTER u_cluster.gen_slot[b].u_router.gen_register[r]
      always_ff @(posedge clk_i) begin
        if (rst_ni) begin
          assert ($onehot0({`REGISTER.row_writes, `REGISTER.ls_writes, `REGISTER.tmv_writes}))
          else $error("register: written by two units");
          if (`REGISTER.u_ram.we_i && `REGISTER.u_ram.waddr_i == `REGISTER.u_ram.raddr_i)
            assert (`REGISTER.row_reads ? !reads : !(u_cluster.u_load_store.read && u_cluster.ls_reg == 3'(r)))
            else $error("register: a word read while written");
        end
      end
    end
    always_ff @(posedge clk_i) begin
      if (rst_ni && u_cluster.gen_slot[b].row_scalar_we && u_cluster.gen_slot[b].scl_scalar_we)
        assert (u_cluster.gen_slot[b].row_sd != u_cluster.gen_slot[b].scl_sd)
        else $error("scalar: written by two units");
    end
  end

  // `first` is the first slot that counts: a store of one slot stores the last one.
  task automatic report(input int unit, input logic [15:0] pc, input int first);
    logic [31:0] c = part[BATCH*unit+first];
    for (int b = first + 1; b < BATCH; b++) c = fold(c, part[BATCH*unit+b]);
    $write("R %0d %0d %08x\n", cycle_q, pc, c);
  endtask

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      cycle_q <= 0;
      busy_q  <= '0;
      ended_q <= 1'b0;
    end else if (!ended_q) begin
      cycle_q <= cycle_q + 1;
      busy_q  <= busy;
      ended_q <= halted_o;
      if (u_cluster.u_issue.issue) $write("I %0d %0d\n", cycle_q, u_cluster.u_issue.pc_q);
      if (done[0]) report(0, ls_pc_q, ls_q.op == pm_isa::OP_SV && !ls_q.each ? BATCH - 1 : 0);
      if (done[1]) report(1, row_pc_q, 0);
      if (done[2]) report(2, scl_pc_q, 0);
      if (done[3]) report(3, tmv_pc_q, 0);
      for (int b = 0; b < BATCH; b++) if (out_valid_o) $write("O %0d %0d\n", cycle_q, out_tok_o[32*b+:32]);
      if (halted_o) $write("H %0d %0d %0d\n", cycle_q, fault_o, fault_pc_o);
    end
    if (u_cluster.ls_go) {ls_q, ls_pc_q} <= {u_cluster.instr, u_cluster.u_issue.pc_q};
    if (u_cluster.row_go) {row_q, row_pc_q} <= {u_cluster.instr, u_cluster.u_issue.pc_q};
    if (u_cluster.scl_go) {scl_q, scl_pc_q} <= {u_cluster.instr, u_cluster.u_issue.pc_q};
    if (u_cluster.tmv_go) {tmv_q, tmv_pc_q} <= {u_cluster.instr, u_cluster.u_issue.pc_q};
  end
endmodule

`default_nettype wire
