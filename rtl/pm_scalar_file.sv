`default_nettype none

// The sixteen scalar registers, {e, m} each. s0 reads as one. The row-wise and the scalar unit never write the same
// register in one cycle: the scoreboard sees to it.
module pm_scalar_file (
    input  wire logic        clk_i,
    input  wire logic        rst_ni,
    input  wire logic [ 3:0] read_a_i,
    input  wire logic [ 3:0] read_b_i,
    output      logic [23:0] a_o,
    output      logic [23:0] b_o,
    input  wire logic        row_we_i,
    input  wire logic [ 3:0] row_sd_i,
    input  wire logic [23:0] row_i,
    input  wire logic        scl_we_i,
    input  wire logic [ 3:0] scl_sd_i,
    input  wire logic [23:0] scl_i
);
  logic [23:0] file[0:15];

  assign a_o = read_a_i == 4'd0 ? pm_pkg::SCALAR_ONE : file[read_a_i];
  assign b_o = read_b_i == 4'd0 ? pm_pkg::SCALAR_ONE : file[read_b_i];

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < 16; i++) begin
      if (!rst_ni) file[i] <= '0;
      else if (row_we_i && row_sd_i == 4'(i)) file[i] <= row_i;
      else if (scl_we_i && scl_sd_i == 4'(i)) file[i] <= scl_i;
    end
  end
endmodule

`default_nettype wire
