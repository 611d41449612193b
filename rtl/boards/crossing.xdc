# For every device of AMD's: paths between the accelerator's clock and the bus's. Pointers and toggles cross through two
# registers (marked async_reg); what they announce stays still until it is taken, so its delay only has to stay within a period.
set crossing {u_lite|u_reads|u_writes|u_answers|u_responses}
set_max_delay -datapath_only 5.000 -to [get_pins -hierarchical -regexp ".*($crossing)/.*_seen1_q_reg.*/D"]
set_max_delay -datapath_only 5.000 -from [get_cells -hierarchical -regexp ".*u_lite/(addr_q|wdata_q|write_q|rdata_q)_reg.*"]
set_max_delay -datapath_only 5.000 -from [get_cells -hierarchical -regexp ".*(u_reads|u_writes|u_answers|u_responses)/mem_reg.*"]
set_false_path -to [get_pins -hierarchical -regexp ".*/(reset_q|areset_q)_reg.*/CLR"]
