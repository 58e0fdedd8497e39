module till.test/interop

go 1.18

require github.com/smartwalle/alipay/v3 v3.2.29

require (
	github.com/smartwalle/ncrypto v1.0.4 // indirect
	github.com/smartwalle/ngx v1.1.0 // indirect
	github.com/smartwalle/nsign v1.0.9 // indirect
)
