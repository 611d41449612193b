`default_nettype none

// The cluster with a watcher that writes the trace of docs/accelerator.md. Looks at the state before each clock edge,
// as the contract's "state at t" does.
module pm_bench #(
    parameter int CORES = 1,
    parameter int VLMAX = 8192,
    parameter int FIFO = 256,
    parameter int OUTQ = 8,
    parameter int ROM = 4096,
    parameter int MEM_BEATS = 65536
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
    output      logic [          pm_pkg::WORD-1:0] req_wdata_o,
    output      logic [                   CORES:0] req_grant_o,
    input  wire logic [                   CORES:0] rsp_valid_i,
    input  wire logic [(CORES+1)*pm_pkg::WORD-1:0] rsp_data_i,
    input  wire logic                              tok_valid_i,
    input  wire logic                              tok_end_i,
    input  wire logic [                      31:0] tok_i,
    output      logic                              tok_ready_o,
    output      logic                              out_valid_o,
    output      logic [                      31:0] out_tok_o,
    output      logic                              halted_o,
    output      logic [                       2:0] fault_o,
    output      logic [                      15:0] fault_pc_o
);
  // The harness reads these to know how the model was built.
  localparam int cores /*verilator public*/ = CORES;
  localparam int rom_words /*verilator public*/ = ROM;
  localparam int mem_beats /*verilator public*/ = MEM_BEATS;

  pm_cluster #(
      .CORES(CORES),
      .VLMAX(VLMAX),
      .FIFO(FIFO),
      .OUTQ(OUTQ),
      .ROM(ROM),
      .MEM_BEATS(MEM_BEATS)
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

  `define WORD_OF(r) u_cluster.u_router.gen_register[r].u_ram.mem[w]

  // The elements of the first `words` words of a vector register.
  function automatic logic [31:0] fold_vector(input logic [31:0] from, input logic [2:0] register, input int words);
    logic [31:0] c = from;
    logic [pm_pkg::WORD-1:0] data;
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
      for (int i = 0; i < pm_pkg::LANES; i++) c = fold(c, data[32*i+:32]);
    end
    return c;
  endfunction

  function automatic logic [31:0] fold_bank(input logic bank, input int words);
    logic [31:0] c = '0;
    logic [pm_pkg::QWORD-1:0] data;
    for (int w = 0; w < words; w++) begin
      data = u_cluster.gen_core[0].u_ternary_core.u_banks.mem[{bank, w[$clog2(VLMAX/pm_pkg::LANES)-1:0]}];
      for (int i = 0; i < pm_pkg::LANES; i++) c = fold(c, {{24{data[8*i+7]}}, data[8*i+:8]});
    end
    return c;
  endfunction

  function automatic logic [31:0] fold_scalar(input logic [31:0] from, input logic [3:0] register);
    return fold(from, {8'b0, u_cluster.u_scalar_file.file[register]});
  endfunction

  function automatic logic [31:0] fold_row(input pm_pkg::decoded_t done);
    logic [31:0] c;
    if (done.op == pm_isa::OP_QNT) return fold_bank(done.q, words_of(32'(done.len)));
    c = fold_vector('0, done.y, words_of(32'(done.len)));
    return done.red != '0 ? fold_scalar(c, done.sd) : c;
  endfunction

  function automatic logic [31:0] fold_product(input pm_pkg::decoded_t done);
    logic [31:0] c = '0;
    if (done.wr) c = fold_vector(c, done.y, words_of(32'(done.rows)));
    if (done.arg) c = fold(fold(c, u_cluster.u_collector.u_argmax.best_q), u_cluster.u_collector.u_argmax.index_q);
    return c;
  endfunction

  function automatic int words_of(input int elements);
    return (elements + pm_pkg::LANES - 1) / pm_pkg::LANES;
  endfunction

  task automatic report(input logic [15:0] pc, input logic [31:0] checksum);
    $write("R %0d %0d %08x\n", cycle_q, pc, checksum);
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
      if (busy_q[0] && !busy[0]) report(ls_pc_q, fold_vector('0, ls_q.y, words_of(32'(ls_q.len))));
      if (busy_q[1] && !busy[1]) report(row_pc_q, fold_row(row_q));
      if (busy_q[2] && !busy[2]) report(scl_pc_q, fold_scalar('0, scl_q.sd));
      if (busy_q[3] && !busy[3]) report(tmv_pc_q, fold_product(tmv_q));
      if (out_valid_o) $write("O %0d %0d\n", cycle_q, out_tok_o);
      if (halted_o) $write("H %0d %0d %0d\n", cycle_q, fault_o, fault_pc_o);
    end
    if (u_cluster.ls_go) {ls_q, ls_pc_q} <= {u_cluster.instr, u_cluster.u_issue.pc_q};
    if (u_cluster.row_go) {row_q, row_pc_q} <= {u_cluster.instr, u_cluster.u_issue.pc_q};
    if (u_cluster.scl_go) {scl_q, scl_pc_q} <= {u_cluster.instr, u_cluster.u_issue.pc_q};
    if (u_cluster.tmv_go) {tmv_q, tmv_pc_q} <= {u_cluster.instr, u_cluster.u_issue.pc_q};
  end
endmodule

`default_nettype wire
