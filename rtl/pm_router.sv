`default_nettype none

// The register router: eight vector registers, each an SRAM of its own with one read and one write port, and the
// units that reach them: three that read, three that write. The scoreboard lets a register be used by one instruction
// at a time, so at most one unit addresses each port; an instruction that reads one register twice asks for the
// same word.
module pm_router #(
    parameter int VLMAX = 8192,
    parameter int LANES = pm_pkg::LANES,
    localparam int WORD = 32 * LANES,
    localparam int INDEX = $clog2(VLMAX / LANES)
) (
    input  wire logic                    clk_i,
    // reading: data in the cycle after the address
    input  wire logic                    row_read_i,
    input  wire logic [             2:0] row_a_i,
    input  wire logic [             2:0] row_b_i,
    input  wire logic [       INDEX-1:0] row_raddr_i,
    output      logic [WORD-1:0] row_a_o,
    output      logic [WORD-1:0] row_b_o,
    input  wire logic [             2:0] ls_reg_i,
    input  wire logic [       INDEX-1:0] ls_raddr_i,
    output      logic [WORD-1:0] ls_o,
    // writing
    input  wire logic                    row_we_i,
    input  wire logic [             2:0] row_y_i,
    input  wire logic [       INDEX-1:0] row_waddr_i,
    input  wire logic [WORD-1:0] row_i,
    input  wire logic                    ls_we_i,
    input  wire logic [       INDEX-1:0] ls_waddr_i,
    input  wire logic [WORD-1:0] ls_i,
    input  wire logic                    tmv_we_i,
    input  wire logic [             2:0] tmv_y_i,
    input  wire logic [       INDEX-1:0] tmv_waddr_i,
    input  wire logic [WORD-1:0] tmv_i
);
  logic [8*WORD-1:0] data;
  logic [2:0] row_a_q, row_b_q, ls_reg_q;

  for (genvar r = 0; r < 8; r++) begin : gen_register
    logic row_reads, row_writes, ls_writes, tmv_writes;
    logic [INDEX-1:0] waddr;
    logic [WORD-1:0] wdata;

    always_comb begin
      row_reads = row_read_i && (row_a_i == 3'(r) || row_b_i == 3'(r));
      row_writes = row_we_i && row_y_i == 3'(r);
      ls_writes = ls_we_i && ls_reg_i == 3'(r);
      tmv_writes = tmv_we_i && tmv_y_i == 3'(r);
      waddr = row_writes ? row_waddr_i : ls_writes ? ls_waddr_i : tmv_waddr_i;
      wdata = row_writes ? row_i : ls_writes ? ls_i : tmv_i;
    end

    pm_ram #(
        .WIDTH(WORD),
        .DEPTH(VLMAX / LANES)
    ) u_ram (
        .clk_i(clk_i),
        .we_i(row_writes || ls_writes || tmv_writes),
        .waddr_i(waddr),
        .wdata_i(wdata),
        .raddr_i(row_reads ? row_raddr_i : ls_raddr_i),
        .rdata_o(data[r*WORD+:WORD])
    );
  end

  always_ff @(posedge clk_i) begin
    row_a_q <= row_a_i;
    row_b_q <= row_b_i;
    ls_reg_q <= ls_reg_i;
  end

  assign row_a_o = data[row_a_q*WORD+:WORD];
  assign row_b_o = data[row_b_q*WORD+:WORD];
  assign ls_o = data[ls_reg_q*WORD+:WORD];
endmodule

`default_nettype wire
