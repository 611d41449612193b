`default_nettype none

// The host's registers: start and halt, tokens, the instruction memory, and DRAM a beat at a time. docs/accelerator.md
// has the map. A read's data come in the cycle after it. Memory commands run while the cluster runs, too.
module pm_host #(
    parameter int CORES = 1,
    parameter int VLMAX = 8192,
    parameter int ROM = 4096,
    parameter int BATCH = 1,
    parameter int LANES = pm_pkg::LANES,
    localparam int WORD = 32 * LANES
) (
    input  wire logic                           clk_i,
    input  wire logic                           rst_ni,
    // bus: an access in each cycle in which valid is set
    input  wire logic                           bus_valid_i,
    input  wire logic                           bus_write_i,
    input  wire logic        [            4:0]  bus_addr_i,
    input  wire logic        [           31:0]  bus_wdata_i,
    output      logic        [           31:0]  bus_rdata_o,
    // cluster
    output      logic                           cluster_rst_no,
    input  wire logic                           halted_i,
    input  wire logic        [            2:0]  fault_i,
    input  wire logic        [           15:0]  fault_pc_i,
    output      logic                           tok_valid_o,
    output      logic                           tok_end_o,
    output      logic        [   32*BATCH-1:0]  tok_o,
    output      logic        [      BATCH-1:0]  tok_active_o,
    input  wire logic                           tok_ready_i,
    input  wire logic                           out_valid_i,
    input  wire logic        [   32*BATCH-1:0]  out_tok_i,
    // instruction memory
    output      logic                           rom_we_o,
    output      logic        [           15:0]  rom_waddr_o,
    output      logic        [           63:0]  rom_wdata_o,
    // memory
    output      logic                           req_o,
    output      logic                           req_write_o,
    output      logic        [pm_pkg::ADDR-1:0] req_addr_o,
    output      logic        [WORD-1:0] req_wdata_o,
    input  wire logic                           grant_i,
    input  wire logic                           rsp_valid_i,
    input  wire logic        [WORD-1:0] rsp_data_i
);
  // Registers below the window, which takes the upper sixteen addresses.
  localparam int LANE = $clog2(LANES);
  localparam logic [4:0] SIZES = 5'd0;
  localparam logic [4:0] CONTROL = 5'd1;
  localparam logic [4:0] TOKEN = 5'd2;
  localparam logic [4:0] END = 5'd3;
  localparam logic [4:0] ADDRESS = 5'd4;
  localparam logic [4:0] BEATS = 5'd5;
  localparam logic [4:0] MEMORY = 5'd6;
  localparam logic [4:0] ROM_ADDRESS = 5'd7;
  localparam logic [4:0] ROM_LOW = 5'd8;
  localparam logic [4:0] ROM_HIGH = 5'd9;
  localparam logic [4:0] SLOT = 5'd10;
  localparam logic [4:0] STAGE = 5'd11;

  localparam logic [1:0] MEMORY_READ = 2'd1;
  localparam logic [1:0] MEMORY_WRITE = 2'd2;
  localparam logic [1:0] MEMORY_CLEAR = 2'd3;

  wire logic write = bus_valid_i && bus_write_i;
  wire logic start = write && bus_addr_i == CONTROL && bus_wdata_i[0];
  wire logic halt = write && bus_addr_i == CONTROL && bus_wdata_i[1];

  // The cluster: held in reset until it is started; a start resets it for a cycle.
  logic held_q, restart_q;
  assign cluster_rst_no = rst_ni && !held_q && !restart_q;
  wire logic halted = halted_i && cluster_rst_no;

  always_ff @(posedge clk_i) begin
    restart_q <= rst_ni && start;
    if (!rst_ni || halt) held_q <= 1'b1;
    else if (start) held_q <= 1'b0;
  end

  // Tokens. One is offered only once the last output was read, so that none is lost.
  logic offer_q, end_q, output_q;
  logic [32*BATCH-1:0] token_q, out_q;
  logic [BATCH-1:0] staged_q;  // slots that have a token to be offered
  localparam int SLOT_BITS = BATCH > 1 ? $clog2(BATCH) : 1;
  logic [SLOT_BITS-1:0] slot_q;
  wire logic stage = write && (bus_addr_i == TOKEN || bus_addr_i == STAGE);
  assign tok_valid_o = offer_q && !output_q;
  assign tok_end_o = end_q && !offer_q && !output_q;
  assign tok_o = token_q;
  assign tok_active_o = staged_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || start || halt) begin
      offer_q <= 1'b0;
      end_q <= 1'b0;
      output_q <= 1'b0;
      staged_q <= '0;
    end else begin
      if (stage) staged_q[slot_q] <= 1'b1;
      else if (tok_valid_o && tok_ready_i) staged_q <= '0;
      if (write && bus_addr_i == TOKEN) offer_q <= 1'b1;
      else if (tok_valid_o && tok_ready_i) offer_q <= 1'b0;
      if (write && bus_addr_i == END) end_q <= 1'b1;
      if (out_valid_i) output_q <= 1'b1;
      else if (bus_valid_i && !bus_write_i && bus_addr_i == TOKEN) output_q <= 1'b0;
    end
    if (!rst_ni) slot_q <= '0;
    else if (write && bus_addr_i == SLOT) slot_q <= bus_wdata_i[SLOT_BITS-1:0];
    if (stage) token_q[32*slot_q+:32] <= bus_wdata_i;
    if (out_valid_i) out_q <= out_tok_i;
  end

  // The instruction memory: the upper half writes the word.
  logic [15:0] rom_addr_q;
  logic [31:0] rom_low_q;
  assign rom_we_o = write && bus_addr_i == ROM_HIGH && 32'(rom_addr_q) < ROM;
  assign rom_waddr_o = rom_addr_q;
  assign rom_wdata_o = {bus_wdata_i, rom_low_q};

  always_ff @(posedge clk_i) begin
    if (write && bus_addr_i == ROM_ADDRESS) rom_addr_q <= bus_wdata_i[15:0];
    else if (rom_we_o) rom_addr_q <= rom_addr_q + 16'd1;
    if (write && bus_addr_i == ROM_LOW) rom_low_q <= bus_wdata_i;
  end

  // Memory: a beat through the window, or zeros to `beats` beats. The address moves on by what was done.
  logic busy_q, asking_q;
  logic [1:0] command_q;
  logic [pm_pkg::ADDR-1:0] addr_q, beats_q;
  logic [WORD-1:0] window_q;
  wire logic clearing = command_q == MEMORY_CLEAR;
  wire logic go = write && bus_addr_i == MEMORY && bus_wdata_i[1:0] != 2'd0 && !busy_q;
  wire logic nothing = bus_wdata_i[1:0] == MEMORY_CLEAR && beats_q == '0;
  wire logic granted = req_o && grant_i;
  wire logic last = !clearing || beats_q == 28'd1;

  assign req_o = asking_q;
  assign req_write_o = clearing || command_q == MEMORY_WRITE;
  assign req_addr_o = addr_q;
  assign req_wdata_o = clearing ? '0 : window_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      asking_q <= 1'b0;
    end else if (go && !nothing) begin
      busy_q <= 1'b1;
      asking_q <= 1'b1;
    end else begin
      if (granted && last) asking_q <= 1'b0;
      if (command_q == MEMORY_READ ? rsp_valid_i : granted && last) busy_q <= 1'b0;
    end
    if (go) command_q <= bus_wdata_i[1:0];
    if (write && bus_addr_i == ADDRESS && !busy_q) addr_q <= bus_wdata_i[pm_pkg::ADDR-1:0];
    else if (granted) addr_q <= addr_q + 28'd1;
    if (write && bus_addr_i == BEATS && !busy_q) beats_q <= bus_wdata_i[pm_pkg::ADDR-1:0];
    else if (granted && clearing) beats_q <= beats_q - 28'd1;
    if (rsp_valid_i) window_q <= rsp_data_i;
    else if (write && bus_addr_i[4] && !busy_q) window_q[32*bus_addr_i[LANE-1:0]+:32] <= bus_wdata_i;
  end

  // What the host reads.
  logic [31:0] rdata;

  always_comb begin
    rdata = '0;
    if (bus_addr_i[4]) rdata = window_q[32*bus_addr_i[LANE-1:0]+:32];
    else if (bus_addr_i == SIZES) rdata = {16'(CORES), 16'(VLMAX)};
    else if (bus_addr_i == CONTROL)
      rdata = {fault_pc_i, 8'b0, output_q, !offer_q, busy_q, fault_i, halted, cluster_rst_no && !halted_i};
    else if (bus_addr_i == TOKEN || bus_addr_i == STAGE) rdata = out_q[32*slot_q+:32];
    else if (bus_addr_i == SLOT) rdata = 32'(BATCH);
    else if (bus_addr_i == ADDRESS) rdata = {4'b0, addr_q};
    else if (bus_addr_i == BEATS) rdata = {4'b0, beats_q};
    else if (bus_addr_i == ROM_ADDRESS) rdata = {16'b0, rom_addr_q};
  end

  always_ff @(posedge clk_i) bus_rdata_o <= rdata;
endmodule

`default_nettype wire
