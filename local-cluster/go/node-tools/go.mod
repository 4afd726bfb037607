module localcluster/node-tools

go 1.26.0
